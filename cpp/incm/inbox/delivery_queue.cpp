#include "incm/inbox/delivery_queue.h"

#include <algorithm>

namespace incm::inbox {

DeliveryQueue::Start DeliveryQueue::begin_selection() {
    const std::lock_guard lock(mutex_);
    for (const std::int64_t alert_id : released_) {
        flights_.erase(alert_id);
    }
    released_.clear();
    return {{returned_.begin(), returned_.end()}, cursor_, retry_first_};
}

bool DeliveryQueue::in_flight(std::int64_t alert_id) const {
    const std::lock_guard lock(mutex_);
    return flights_.contains(alert_id);
}

void DeliveryQueue::mark(std::span<const Pick> picks, std::int64_t lease_id) {
    const std::lock_guard lock(mutex_);
    for (const Pick& pick : picks) {
        flights_.insert_or_assign(pick.alert_id, Flight{{lease_id, pick.attempts}, false});
        if (pick.attempts == 0) {
            returned_.erase(pick.alert_id);
            cursor_ = std::max(cursor_, pick.alert_id);
        }
    }
    if (!picks.empty()) {
        retry_first_ = picks.back().attempts == 0;
    }
}

std::optional<DeliveryQueue::Taken> DeliveryQueue::claim(std::int64_t alert_id) {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(alert_id);
    if (found == flights_.end() || found->second.claimed) {
        return std::nullopt;
    }
    found->second.claimed = true;
    return found->second.taken;
}

void DeliveryQueue::release(std::int64_t alert_id) {
    const std::lock_guard lock(mutex_);
    released_.push_back(alert_id);
}

void DeliveryQueue::put_back(std::int64_t alert_id) {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(alert_id);
    if (found == flights_.end()) {
        return;
    }
    if (found->second.taken.attempts == 0) {
        returned_.insert(alert_id);
    }
    flights_.erase(found);
}

void DeliveryQueue::arrived(bool all) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        ++version_;
        wake = waiting_ > 0;
    }
    if (!wake) {
        return;
    }
    if (all) {
        arrival_.notify_all();
    } else {
        arrival_.notify_one();
    }
}

void DeliveryQueue::wake(bool closed) {
    {
        const std::lock_guard lock(mutex_);
        hurried_ = true;
        closed_ = closed_ || closed;
    }
    arrival_.notify_all();
}

std::uint64_t DeliveryQueue::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

bool DeliveryQueue::hurried() const {
    const std::lock_guard lock(mutex_);
    return hurried_;
}

bool DeliveryQueue::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void DeliveryQueue::wait(std::uint64_t version, std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    arrival_.wait_until(lock, deadline, [&] { return hurried_ || version_ != version; });
    --waiting_;
}

}  // namespace incm::inbox
