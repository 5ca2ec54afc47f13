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

/// Connections that have something for a worker, in the order in which they got it, and the count
/// of the workers that wait for them.
///
/// Threads: is_crowded() from any; everything else under its owner's lock, which pop() gives back
///          while it waits.
class ReadyQueue {
 public:
    /// Put a connection at the end, and wake a worker. Without memory returns false, and leaves it
    /// where it is.
    [[nodiscard]] bool push(std::unique_ptr<Connection>& connection) noexcept;

    /// Take the first connection; waits for one. The calling worker is free until it has it. Null
    /// after close().
    [[nodiscard]] std::unique_ptr<Connection> pop(std::unique_lock<std::mutex>& lock);
    /// Let every pop() return null.
    void close();

    /// Count a worker that is about to come, as a free one; or one fewer, when it does not come.
    void expect_worker(bool comes);
    /// The worker that popped a connection is done with it.
    void worker_is_free() { ++free_workers_; }
    /// How many further workers are wanted: few at once; more when no connection was popped for a
    /// while, since all workers are held up then.
    [[nodiscard]] std::size_t wanted_workers() const;

    /// Whether connections wait, and no worker is free.
    [[nodiscard]] bool is_crowded() const { return crowded_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
    [[nodiscard]] bool is_closed() const { return closed_; }

    /// Begin to close the connections that nobody will take, since close() was called.
    void close_connections(std::int64_t now_ms);

 private:
    struct Waiting {
        std::unique_ptr<Connection> connection;
        std::int64_t since_ms;
    };

    void note_crowd() { crowded_ = waiting_.size() > free_workers_; }

    std::deque<Waiting> waiting_;
    std::condition_variable changed_;  // a connection is here, or there will be none
    std::size_t free_workers_ = 0;
    std::size_t workers_ = 0;
    std::int64_t popped_ms_ = 0;  // the last one
    bool closed_ = false;
    std::atomic<bool> crowded_{false};
};

/// How many threads this machine runs at once; at least 1.
[[nodiscard]] std::size_t processors();

}  // namespace incm::http
