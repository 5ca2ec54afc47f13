#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "incm/base/kept_from_children.h"
#include "incm/http/connection.h"
#include "incm/http/connection_rules.h"
#include "incm/http/idle_connections.h"
#include "incm/net/tls_context.h"

struct epoll_event;

namespace incm::http {

/// How many clients may be there. Units: connections.
struct ConnectionLimits {
    std::size_t workers = 256;         ///< threads that answer: handed out at once
    std::size_t connections = 16'384;  ///< open in all
    std::size_t per_address = 1000;    ///< open for one client address (of IPv6: /64), but for
                                       ///< loopback and trusted proxies; 0: any number
    std::size_t request_bytes = 64 * 1024 * 1024;  ///< of all requests begun
};

/// Gives the context for new connections; null: plain TCP. Threads: any.
using TlsSource = std::function<std::shared_ptr<const net::TlsContext>()>;

/// Where clients wait until they have something to say, so that none of them holds a thread.
///
/// One thread runs wait(): it accepts, watches all silent connections with epoll, and enforces
/// their deadlines. Workers take() those with bytes, and give them back when the bytes do not make
/// a whole request, or leave them to whoever answers later. When all places are taken, the idlest
/// connection goes, as does that of an address that has all of its places; when none is idle, the
/// one whose request began longest ago and is not whole gets 503; when all are being answered,
/// newcomers wait in the backlog.
///
/// Threads: wait() from one; everything else from any.
/// Source:  docs/promises.md, P11; docs/promises.md, P12; docs/promises.md, P14.
class ConnectionManager {
 public:
    ConnectionManager(ConnectionRules rules, const ConnectionLimits& limits, TlsSource tls);
    ConnectionManager(const ConnectionManager&) = delete;
    ConnectionManager& operator=(const ConnectionManager&) = delete;
    ~ConnectionManager();

    /// Begin to accept from a listening socket, which must stay open as long as the connection
    /// manager lives. Errors: Failure(kCannotListen) without descriptors for the watch itself.
    void open(int listener);

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
    [[nodiscard]] bool is_crowded() const { return crowded_.load(std::memory_order_relaxed); }

    /// Leave to wait for a client's next bytes in a worker: for a short time, in milliseconds, or
    /// not at all (0) when others wait for workers. Ends with linger_ended() unless it was 0.
    [[nodiscard]] int may_linger();
    void linger_ended() { lingering_.fetch_sub(1, std::memory_order_relaxed); }

    /// Accept no more, close who is idle, and wait up to grace_ms until every request that has
    /// begun is answered. wait() must go on meanwhile.
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
    using Lock = std::unique_lock<std::mutex>;
    using Stage = Connection::Stage;
    using Gone = std::vector<std::unique_ptr<Connection>>;
    struct Ready {
        std::unique_ptr<Connection> connection;
        std::int64_t since_ms;
    };

    [[nodiscard]] bool look_at_all(std::span<const epoll_event> events);
    void accept_all();
    [[nodiscard]] bool accept_one();
    void admit(std::unique_ptr<Connection> connection);
    [[nodiscard]] bool has_place();
    [[nodiscard]] bool make_room();
    [[nodiscard]] bool make_room_for(const net::IpAddress& holder, const Lock& lock);
    void resume(const Lock& lock);
    [[nodiscard]] bool end_one(const Lock& lock);
    [[nodiscard]] bool end_if_silent(std::unique_ptr<Connection> connection, const Lock& lock);
    void make_ready(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    void look_at(std::uint64_t mark, const Lock& lock);
    void keep_time(std::int64_t now_ms);
    [[nodiscard]] std::list<std::unique_ptr<Connection>> take_expired(std::int64_t now_ms);
    void make_memory(std::int64_t now_ms);
    [[nodiscard]] std::list<std::unique_ptr<Connection>> take_slow_large(std::int64_t now_ms);
    void put_back(std::unique_ptr<Connection> connection, bool is_closed) noexcept;
    void park(std::unique_ptr<Connection> connection, int operation, const Lock& lock) noexcept;
    void end(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    void let_go(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    void forget(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    void turn_idle_away(std::int64_t now_ms, const Lock& lock);
    [[nodiscard]] bool is_quiet(const Lock& lock) const;
    [[nodiscard]] std::size_t wanted_workers(const Lock& lock) const;
    [[nodiscard]] std::unique_ptr<Connection> take(Lock& lock);
    void give_back(std::unique_ptr<Connection> connection, bool has_more,
                   const Lock& lock) noexcept;

    const ConnectionRules rules_;
    const std::string kept_fields_;
    const ConnectionLimits limits_;
    const TlsSource tls_;
    ByteBudget budget_;
    int epoll_ = -1;
    int waker_ = -1;
    int listener_ = -1;
    base::KeptFromChildren epoll_kept_ = base::KeptFromChildren::descriptor(epoll_);
    base::KeptFromChildren waker_kept_ = base::KeptFromChildren::descriptor(waker_);
    std::int64_t looked_ms_ = 0;  // of wait() alone
    bool is_busy_ = false;        // of wait() alone: looks again soon

    mutable std::mutex mutex_;
    std::condition_variable quiet_;  // draining: every request that had begun is answered
    std::condition_variable all_answered_;
    std::condition_variable work_;  // a client is ready, or there will be none
    IdleConnections idle_;          // guarded, like all below
    std::deque<Ready> ready_;       // wait for a worker
    std::unordered_map<net::IpAddress, std::size_t> held_;  // connections of a client address
    std::size_t open_ = 0;                                  // connections in all
    std::size_t handed_ = 0;  // of them in nobody's rows: being answered, or told that it is late
    std::size_t idle_workers_ = 0;
    std::size_t workers_ = 0;
    std::int64_t taken_ms_ = 0;  // when a worker took one last
    bool closed_ = false;
    bool paused_ = false;                // newcomers wait in the backlog
    std::int64_t waiting_since_ms_ = 0;  // since when, though nobody let go; 0: nobody waits
    Gone gone_;                          // to be freed without the lock

    std::atomic<bool> crowded_{false};  // some are ready, and no worker is free
    std::atomic<bool> draining_{false};
    std::atomic<std::size_t> lingering_{0};
    std::atomic<std::int64_t> beat_ms_{0};
};

}  // namespace incm::http
