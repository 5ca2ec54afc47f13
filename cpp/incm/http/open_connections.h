#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "incm/http/connection.h"
#include "incm/http/event_poll.h"
#include "incm/http/idle_connections.h"
#include "incm/http/ready_queue.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// How long a new connection may be silent before it can be evicted for others, in milliseconds.
inline constexpr std::int64_t kNewcomerMs = 250;

/// All open connections of a listener, under one lock. Each one is idle (waits for its client),
/// ready (waits for a worker), or out (with a worker, with a postponed answer, or with the loop
/// that ends it).
///
/// Only the holder of the lock moves a connection from one place to another.
/// Threads: whoever holds the lock.
class OpenConnections {
 public:
    /// Holds the lock. Connections that were forgotten under it are destroyed after it is released,
    /// because that takes time.
    class Lock {
     public:
        explicit Lock(const OpenConnections& all) : all_(all), mutex_(all.mutex_) {}
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock() {
            if (!all_.forgotten_.empty()) unlock();
        }

        /// Return the lock itself, for a wait that releases it. Forgotten connections are destroyed
        /// first.
        [[nodiscard]] std::unique_lock<std::mutex>& to_wait() {
            if (!all_.forgotten_.empty()) {
                unlock();
                mutex_.lock();
            }
            return mutex_;
        }

     private:
        void unlock();

        const OpenConnections& all_;
        std::unique_lock<std::mutex> mutex_;
    };

    /// poll must outlive this object.
    explicit OpenConnections(EventPoll& poll) : poll_(poll) {}

    /// Count a new connection. Returns how many connections its address has now.
    [[nodiscard]] std::size_t add(const Connection& newcomer, const Lock& lock);
    [[nodiscard]] std::size_t count(const Lock& /*lock*/) const { return open_; }

    [[nodiscard]] IdleConnections& idle(const Lock& /*lock*/) { return idle_; }
    [[nodiscard]] ReadyQueue& ready(const Lock& /*lock*/) { return ready_; }
    /// ReadyQueue::is_crowded() of the ready connections. Threads: any, without the lock.
    [[nodiscard]] bool is_crowded() const { return ready_.is_crowded(); }

    /// Make a connection idle. Without memory it is forgotten.
    void put_idle(std::unique_ptr<Connection> connection, const Lock& lock,
                  bool is_new = false) noexcept;
    /// Make a connection ready. Without memory it is forgotten.
    void put_ready(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Begin to close a connection. It becomes idle if the close has to wait for the client.
    void end(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Call end(), unless the client has sent something that was not seen yet: the connection
    /// becomes ready then.
    void end_if_silent(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Close a connection at once, even if the client has not received everything.
    void forget(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Call end_if_silent() for all connections between two requests, and for new ones that have
    /// been silent for kNewcomerMs.
    void end_idle(std::int64_t now_ms, const Lock& lock);

    /// Count connections that are out while the lock is released.
    void note_out(std::size_t count, const Lock& /*lock*/) { out_ += count; }
    void note_back(const Lock& /*lock*/) { --out_; }
    [[nodiscard]] bool none_is_out(const Lock& /*lock*/) const { return out_ == 0; }

    /// Whether a request waits for a worker or is with one.
    [[nodiscard]] bool is_busy(const Lock& lock) const;
    /// Whether no request is being answered, and none has begun or may have.
    [[nodiscard]] bool is_quiet(const Lock& lock) const;

 private:
    EventPoll& poll_;
    mutable std::mutex mutex_;  // protects all below
    IdleConnections idle_;
    ReadyQueue ready_;
    std::size_t open_ = 0;
    std::size_t out_ = 0;
    // Number of connections of each address holder.
    std::unordered_map<net::IpAddress, std::size_t> held_;
    // Destroyed when the lock is released.
    mutable std::vector<std::unique_ptr<Connection>> forgotten_;
};

}  // namespace incm::http
