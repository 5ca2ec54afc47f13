#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "incm/http/connection.h"

namespace incm::http {

/// The queue of connections that have something for a worker, first in first out, with the count of
/// free workers.
///
/// Threads: is_crowded() from any; everything else under its owner's lock, which pop() releases
///          while it waits.
class ReadyQueue {
 public:
    /// Append a connection and wake a worker. Without memory it returns false, and leaves the
    /// connection with the caller.
    [[nodiscard]] bool push(std::unique_ptr<Connection>& connection) noexcept;

    /// Remove and return the first connection; waits for one. The calling worker counts as free
    /// until it has one. Null after close().
    [[nodiscard]] std::unique_ptr<Connection> pop(std::unique_lock<std::mutex>& lock);
    /// Make every pop() return null.
    void close();

    /// Count a worker thread that is about to start (comes) as free, or take it back because it did
    /// not start.
    void expect_worker(bool comes);
    /// Count the worker as free again: it is done with the connection that it popped.
    void worker_is_free() { ++free_workers_; }
    /// Return how many further workers are needed: one, while there are no more workers than
    /// processors; more when no connection was popped for a while, because all workers are blocked
    /// then.
    [[nodiscard]] std::size_t wanted_workers() const;

    /// Whether connections wait and no worker is free.
    [[nodiscard]] bool is_crowded() const { return crowded_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
    [[nodiscard]] bool is_closed() const { return closed_; }

    /// Begin to close the connections that no worker will pop, because close() was called.
    void close_connections(std::int64_t now_ms);

 private:
    struct Waiting {
        std::unique_ptr<Connection> connection;
        std::int64_t since_ms;
    };

    void note_crowd() { crowded_ = waiting_.size() > free_workers_; }

    std::deque<Waiting> waiting_;
    std::condition_variable changed_;  // a connection was added, or the queue was closed
    std::size_t free_workers_ = 0;
    std::size_t workers_ = 0;
    std::int64_t popped_ms_ = 0;  // when the last connection was popped
    bool closed_ = false;
    std::atomic<bool> crowded_{false};
};

/// Return how many threads this machine runs at once, at least 1.
[[nodiscard]] std::size_t processors();

}  // namespace incm::http
