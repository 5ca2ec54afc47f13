#include "incm/inbox/delivery_queue.h"

#include <algorithm>

namespace incm::inbox {

DeliveryQueue::Start DeliveryQueue::begin_selection(std::size_t limit) {
    const std::lock_guard lock(mutex_);
    for (const std::int64_t alert_id : released_) {
        flights_.erase(alert_id);
    }
    released_.clear();
    selected_ = lanes_.next(limit);
    selecting_ = true;
    return {cursor_, retry_first_, selected_};
}

bool DeliveryQueue::admit(std::int64_t alert_id, std::int64_t attempts, const std::string& device) {
    const std::lock_guard lock(mutex_);
    if (flights_.contains(alert_id)) {
        return false;
    }
    if (!by_device_ || device.empty()) {
        return true;
    }
    if (attempts > 0) {
        if (!lanes_.admit_retry(device, alert_id)) {
            return false;
        }
        retried_.push_back(alert_id);
        return true;
    }
    if (!lanes_.admit_fresh(device, alert_id)) {
        return false;
    }
    selected_.push_back(alert_id);
    return true;
}

void DeliveryQueue::note_waiting(std::int64_t alert_id, const std::string& device) {
    const std::lock_guard lock(mutex_);
    if (by_device_ && !device.empty() && lanes_.admit_retry(device, alert_id)) {
        lanes_.rest(alert_id);
    }
}

void DeliveryQueue::mark(std::span<const Delivery> picked, std::span<const Delivery> left,
                         std::int64_t cursor, std::int64_t lease_id) {
    const std::lock_guard lock(mutex_);
    cursor_ = std::max(cursor_, cursor);
    for (const Delivery& delivery : picked) {
        flights_.insert_or_assign(delivery.alert_id,
                                  Flight{{lease_id, delivery.attempt - 1}, false});
    }
    if (!picked.empty()) {
        retry_first_ = picked.back().attempt == 1;
    }
    for (const Delivery& delivery : left) {
        lanes_.withdraw(delivery.alert_id);
    }
    // What has no lane is found again behind the cursor only.
    const auto unheld = std::ranges::find_if(
        left, [this](const Delivery& delivery) { return !by_device_ || delivery.device.empty(); });
    if (unheld != left.end()) {
        rewind_locked(unheld->alert_id);
    }
    end_selection();
}

void DeliveryQueue::cancel(const Start& start) {
    const std::lock_guard lock(mutex_);
    for (const std::int64_t alert_id : selected_) {
        lanes_.withdraw(alert_id);
    }
    // What this selection held is above the old cursor and will be offered again.
    rewind_locked(start.cursor + 1);
    end_selection();
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

void DeliveryQueue::release(std::int64_t alert_id, bool over) {
    bool another = false;
    {
        const std::lock_guard lock(mutex_);
        released_.push_back(alert_id);
        if (over) {
            another = lanes_.leave(alert_id);
        } else {
            lanes_.rest(alert_id);
        }
    }
    if (another) {
        arrived(false);
    }
}

void DeliveryQueue::put_back(std::int64_t alert_id) {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(alert_id);
    if (found == flights_.end()) {
        return;
    }
    const bool fresh = found->second.taken.attempts == 0;
    flights_.erase(found);
    if (fresh) {
        lanes_.withdraw(alert_id);
        offer_again(alert_id);
    } else {
        lanes_.rest(alert_id);
    }
}

void DeliveryQueue::rewind(std::int64_t alert_id) {
    const std::lock_guard lock(mutex_);
    if (selecting_ || alert_id <= cursor_) {
        offer_again(alert_id);
    }
}

void DeliveryQueue::offer_again(std::int64_t alert_id) {
    if (selecting_) {
        rewound_ = std::min(rewound_.value_or(alert_id), alert_id);
    } else {
        rewind_locked(alert_id);
    }
}

/// What was offered again meanwhile may be missing in the snapshot of the selection, which has
/// moved the cursor past it.
void DeliveryQueue::end_selection() {
    selecting_ = false;
    for (const std::int64_t alert_id : retried_) {
        if (!flights_.contains(alert_id)) {
            lanes_.rest(alert_id);
        }
    }
    retried_.clear();
    if (rewound_) {
        rewind_locked(*rewound_);
        rewound_.reset();
    }
}

/// Everything above the cursor is offered again, so what the lanes hold must be below nothing.
void DeliveryQueue::rewind_locked(std::int64_t alert_id) {
    const std::int64_t lowest = std::min(alert_id, lanes_.forget_held().value_or(alert_id));
    cursor_ = std::min(cursor_, lowest - 1);
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
