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

/// A newcomer may be silent for so long before it gives way to others.
inline constexpr std::int64_t kNewcomerMs = 250;

/// All open connections of a listener, under one lock: idle, waiting for their clients; ready,
/// waiting for a worker; or out, with a worker, a late answer, or the loop that ends them.
///
/// Only the holder of the lock moves a connection from place to place.
/// Threads: whoever holds the lock.
class OpenConnections {
 public:
    /// Holds the lock. What was forgotten under it is closed after it, since that takes time.
    class Lock {
     public:
        explicit Lock(const OpenConnections& all) : all_(all), mutex_(all.mutex_) {}
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock() {
            if (!all_.forgotten_.empty()) unlock();
        }

        /// The lock itself, to wait without it. What was forgotten is closed by then.
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

    /// poll must outlive it.
    explicit OpenConnections(EventPoll& poll) : poll_(poll) {}

    /// Count a newcomer. Returns how many connections its address has now.
    [[nodiscard]] std::size_t add(const Connection& newcomer, const Lock& lock);
    [[nodiscard]] std::size_t count(const Lock& /*lock*/) const { return open_; }

    [[nodiscard]] IdleConnections& idle(const Lock& /*lock*/) { return idle_; }
    [[nodiscard]] ReadyQueue& ready(const Lock& /*lock*/) { return ready_; }
    /// As is_crowded() of the ready ones. Threads: any, without the lock.
    [[nodiscard]] bool is_crowded() const { return ready_.is_crowded(); }

    /// Let a connection wait for its client. Without memory it is forgotten.
    void put_idle(std::unique_ptr<Connection> connection, const Lock& lock,
                  bool is_new = false) noexcept;
    /// Let it wait for a worker. Without memory it is forgotten.
    void put_ready(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Begin to close it. It waits for its client where that takes time.
    void end(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// end() it, but for one that spoke while nobody looked: it is ready then.
    void end_if_silent(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// Close it, whatever its client has not got yet.
    void forget(std::unique_ptr<Connection> connection, const Lock& lock) noexcept;
    /// end_if_silent() those between two requests, and newcomers after a while.
    void end_idle(std::int64_t now_ms, const Lock& lock);

    /// Connections stay out when the lock is given up: note_out() and note_back() count them.
    void note_out(std::size_t count, const Lock& /*lock*/) { out_ += count; }
    void note_back(const Lock& /*lock*/) { --out_; }
    [[nodiscard]] bool none_is_out(const Lock& /*lock*/) const { return out_ == 0; }

    /// Whether requests wait for a worker or have one.
    [[nodiscard]] bool is_busy(const Lock& lock) const;
    /// Whether none is being answered, and none has begun or may have.
    [[nodiscard]] bool is_quiet(const Lock& lock) const;

 private:
    EventPoll& poll_;
    mutable std::mutex mutex_;  // guards all below
    IdleConnections idle_;
    ReadyQueue ready_;
    std::size_t open_ = 0;
    std::size_t out_ = 0;
    std::unordered_map<net::IpAddress, std::size_t> held_;        // connections of a client address
    mutable std::vector<std::unique_ptr<Connection>> forgotten_;  // to be closed without the lock
};

}  // namespace incm::http
