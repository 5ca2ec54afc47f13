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

/// Accepts clients, watches the silent ones, and hands the others to workers, so that no silent
/// client holds a thread.
///
/// One thread runs wait(), the loop: it accepts connections, watches all silent ones, and enforces
/// their deadlines. Workers call pop_ready() for a connection that has sent bytes. They return it
/// when the bytes are not a complete request yet, or leave it to the thread that answers later.
/// Threads: wait() from one thread; everything else from any. One lock, that of the open
///          connections, guards everything that several threads change.
/// Source:  docs/promises.md, P11; docs/promises.md, P12; docs/promises.md, P14.
class ConnectionManager {
 public:
    ConnectionManager(ConnectionRules rules, const ConnectionLimits& limits, TlsSource tls);
    ConnectionManager(const ConnectionManager&) = delete;
    ConnectionManager& operator=(const ConnectionManager&) = delete;
    ~ConnectionManager() = default;

    /// Start to accept from a listening socket, which must stay open as long as the connection
    /// manager lives.
    /// Errors:  Failure(kCannotListen) when there is no descriptor for epoll itself.
    void open(int listener) { acceptor_.open(listener); }

    /// Watch the clients for up to timeout_ms. Returns how many further workers are needed: few at
    /// first; more when clients wait and no worker has taken one for a while, because all workers
    /// are blocked then.
    [[nodiscard]] std::size_t wait(int timeout_ms);

    /// Count a worker thread that is about to start (comes), or take it back because it did not
    /// start. It counts as free until it takes a connection.
    void expect_worker(bool comes);

    /// Return the next connection that has sent something; waits for one. Null after close().
    [[nodiscard]] std::unique_ptr<Connection> pop_ready();

    /// Return a connection and take the next one. `done` then waits for its client, or is closed,
    /// or, when it has another complete request (has_more), waits for a worker behind the other
    /// ready connections. Null `done`: the handler took the connection to answer later.
    [[nodiscard]] std::unique_ptr<Connection> exchange(std::unique_ptr<Connection> done,
                                                       bool has_more);

    /// Return a connection after its answer was given later.
    void answered(std::unique_ptr<Connection> connection) noexcept;
    /// Wait until all connections that are to be answered later have been returned. Call it after
    /// close(), when all workers have ended.
    void wait_for_answers();

    /// Whether clients wait for a worker and no worker is free.
    [[nodiscard]] bool is_crowded() const { return all_.is_crowded(); }

    /// How long a worker may wait for its client's next request, in milliseconds; 0 when other
    /// clients wait for a worker. Ends with end_keep_alive_wait() unless it was 0.
    [[nodiscard]] int begin_keep_alive_wait();
    void end_keep_alive_wait() { keep_alive_waits_.fetch_sub(1, std::memory_order_relaxed); }

    /// Stop accepting, close idle connections, and wait up to grace_ms until every request that has
    /// begun is answered. wait() must keep running during this call.
    void drain(std::int64_t grace_ms);
    [[nodiscard]] bool is_draining() const { return draining_.load(std::memory_order_relaxed); }

    /// Make wait() and every pop_ready() return.
    void close();

    /// The time of the last call of wait(), in steady milliseconds.
    [[nodiscard]] std::int64_t beat_ms() const { return beat_ms_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t open_connections() const;

    [[nodiscard]] const ConnectionRules& rules() const { return rules_; }
    /// The header fields of an answer after which the connection stays open.
    [[nodiscard]] std::string_view kept_fields() const { return kept_fields_; }

 private:
    using Lock = OpenConnections::Lock;

    void enforce_deadlines(std::int64_t now_ms);
    void client_speaks(std::uint64_t mark, const Lock& lock);
    void return_connection(std::unique_ptr<Connection> connection, bool has_more,
                           const Lock& lock) noexcept;
    void note_quiet(const Lock& lock);
    [[nodiscard]] std::unique_ptr<Connection> pop_ready(Lock& lock);

    const ConnectionRules rules_;
    const std::string kept_fields_;
    const ConnectionLimits limits_;
    ByteBudget budget_;
    EventPoll poll_;
    OpenConnections all_;
    Acceptor acceptor_;
    ConnectionDeadlines deadlines_;

    std::int64_t looked_ms_ = 0;  // last check of the deadlines; used by wait() only
    bool is_busy_ = false;        // workers may be blocked: look again soon; used by wait() only

    // Guarded by the lock of all_:
    std::condition_variable quiet_;  // draining: every request that had begun is answered
    std::condition_variable all_answered_;
    std::atomic<bool> draining_{false};

    std::atomic<std::size_t> keep_alive_waits_{0};
    std::atomic<std::int64_t> beat_ms_{0};
};

}  // namespace incm::http
