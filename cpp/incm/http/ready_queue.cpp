#include "incm/http/ready_queue.h"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "incm/base/clock.h"

namespace incm::http {

namespace {

constexpr std::int64_t kPatienceMs = 20;

}  // namespace

std::size_t processors() {
    static const std::size_t count = std::max(1U, std::thread::hardware_concurrency());
    return count;
}

bool ReadyQueue::push(std::unique_ptr<Connection>& connection) noexcept {
    try {
        waiting_.emplace_back();  // nothing has changed if this throws
    } catch (const std::bad_alloc&) {
        return false;
    }
    waiting_.back() = {std::move(connection), base::steady_ms()};
    note_crowd();
    if (waiting_.size() == 1) changed_.notify_one();  // the worker that pops it wakes the next one
    return true;
}

std::unique_ptr<Connection> ReadyQueue::pop(std::unique_lock<std::mutex>& lock) {
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (closed_) return nullptr;
    --free_workers_;
    std::unique_ptr<Connection> connection = std::move(waiting_.front().connection);
    waiting_.pop_front();
    popped_ms_ = base::steady_ms();
    note_crowd();
    if (!waiting_.empty() && free_workers_ > 0) changed_.notify_one();
    return connection;
}

void ReadyQueue::close() {
    closed_ = true;
    changed_.notify_all();
}

void ReadyQueue::expect_worker(bool comes) {
    comes ? ++free_workers_ : --free_workers_;
    comes ? ++workers_ : --workers_;
    note_crowd();
}

std::size_t ReadyQueue::wanted_workers() const {
    const std::size_t lacking = waiting_.size() - std::min(waiting_.size(), free_workers_);
    if (lacking == 0) return 0;
    if (workers_ <= processors()) return 1;
    // While workers still pop connections, the others are only busy, and more threads would slow
    // them down.
    const std::int64_t held_up_since_ms = std::max(waiting_.front().since_ms, popped_ms_);
    const bool held_up = held_up_since_ms + kPatienceMs <= base::steady_ms();
    return held_up ? std::min(lacking, workers_) : 0;
}

void ReadyQueue::close_connections(std::int64_t now_ms) {
    for (Waiting& one : waiting_) static_cast<void>(one.connection->close(now_ms));
}

}  // namespace incm::http
