#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "incm/http/acceptor.h"
#include "incm/http/connection.h"
#include "incm/http/connection_deadlines.h"
#include "incm/http/connection_rules.h"
#include "incm/http/event_poll.h"
#include "incm/http/open_connections.h"

namespace incm::http {

/// Where clients wait until they have something to say, so that none of them holds a thread.
///
/// One thread runs wait(), the loop: it accepts, watches all silent connections, and enforces their
/// deadlines. Workers take() those with bytes, and give them back when the bytes do not make a
/// whole request, or leave them to whoever answers later.
/// Threads: wait() from one; everything else from any. One lock, that of the open connections,
///          guards what more than one thread changes.
/// Source:  docs/promises.md, P11; docs/promises.md, P12; docs/promises.md, P14.
class ConnectionManager {
 public:
    ConnectionManager(ConnectionRules rules, const ConnectionLimits& limits, TlsSource tls);
    ConnectionManager(const ConnectionManager&) = delete;
    ConnectionManager& operator=(const ConnectionManager&) = delete;
    ~ConnectionManager() = default;

    /// Begin to accept from a listening socket, which must stay open as long as the connection
    /// manager lives. Errors: Failure(kCannotListen) without descriptors for the watch itself.
    void open(int listener) { acceptor_.open(listener); }

    /// Watch the clients for up to timeout_ms. Returns how many further workers are wanted: a few
    /// at once, more when no worker has taken a client for a while and some wait: all are held up.
    [[nodiscard]] std::size_t wait(int timeout_ms);

    /// A worker is about to come, or does not come after all. It counts as free until it takes.
    void expect_worker(bool comes);

    /// The next client that has something to say; waits for one. Null after close().
    [[nodiscard]] std::unique_ptr<Connection> take();

    /// take() after a worker is done with a connection, which waits then, or is closed, or, when it
    /// has a whole request left, is for the next worker after those who came before. Null: somebody
    /// took it, to answer later.
    [[nodiscard]] std::unique_ptr<Connection> take_next(std::unique_ptr<Connection> done,
                                                        bool has_more);

    /// Take a connection back to which somebody gave its answer later.
    void answered(std::unique_ptr<Connection> connection) noexcept;
    /// Wait until all of those are back. After close() and after all workers have ended.
    void wait_for_answers();

    /// Whether clients wait for workers, and none is free.
    [[nodiscard]] bool is_crowded() const { return all_.is_crowded(); }

    /// How long a worker may wait for its client's next request, in milliseconds; 0 when other
    /// clients wait for a worker. Ends with end_keep_alive_wait() unless it was 0.
    [[nodiscard]] int begin_keep_alive_wait();
    void end_keep_alive_wait() { keep_alive_waits_.fetch_sub(1, std::memory_order_relaxed); }

    /// Accept no more, end who is idle, and wait up to grace_ms until every request that has begun
    /// is answered. wait() must go on meanwhile.
    void drain(std::int64_t grace_ms);
    [[nodiscard]] bool is_draining() const { return draining_.load(std::memory_order_relaxed); }

    /// Let wait() and every take() return.
    void close();

    /// When wait() was called last, in steady milliseconds.
    [[nodiscard]] std::int64_t beat_ms() const { return beat_ms_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t open_connections() const;

    [[nodiscard]] const ConnectionRules& rules() const { return rules_; }
    /// The fields of an answer after which its connection is kept.
    [[nodiscard]] std::string_view kept_fields() const { return kept_fields_; }

 private:
    using Lock = OpenConnections::Lock;

    void enforce_deadlines(std::int64_t now_ms);
    void client_speaks(std::uint64_t mark, const Lock& lock);
    void put_back(std::unique_ptr<Connection> connection, bool has_more, const Lock& lock) noexcept;
    void note_quiet(const Lock& lock);
    [[nodiscard]] std::unique_ptr<Connection> take(Lock& lock);

    const ConnectionRules rules_;
    const std::string kept_fields_;
    const ConnectionLimits limits_;
    ByteBudget budget_;
    EventPoll poll_;
    OpenConnections all_;
    Acceptor acceptor_;
    ConnectionDeadlines deadlines_;

    std::int64_t looked_ms_ = 0;  // at the deadlines; of wait() alone
    bool is_busy_ = false;        // of wait() alone: looks again soon

    // Of the lock of all_:
    std::condition_variable quiet_;  // draining: every request that had begun is answered
    std::condition_variable all_answered_;
    std::atomic<bool> draining_{false};

    std::atomic<std::size_t> keep_alive_waits_{0};
    std::atomic<std::int64_t> beat_ms_{0};
};

}  // namespace incm::http
