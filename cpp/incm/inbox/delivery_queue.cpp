#include "incm/inbox/delivery_queue.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <unordered_map>
#include <utility>

namespace incm::inbox {

void DeliveryQueue::begin_selection() {
    const std::lock_guard lock(mutex_);
    while (ended_) {
        const Flight& flight = *ended_;
        if (flight.end == End::kOver || flight.end == End::kApart) {
            lanes_.over(flight.lane);
        } else if (by_device_ || flight.turn.attempts == 0) {
            lanes_.back(flight.lane, flight.turn);
        }
        const std::int64_t alert_id = flight.turn.alert_id;
        ended_ = flight.next_ended;
        if (flight.end != End::kApart) {
            flights_.erase(alert_id);
        }
    }
    if (looking_at_.empty() && !offered_.empty()) {
        looking_at_ = std::move(offered_.front());
        offered_.pop_front();
    }
}

bool DeliveryQueue::is_fetched(std::int64_t alert_id) const {
    const std::lock_guard lock(mutex_);
    return flights_.contains(alert_id);
}

bool DeliveryQueue::is_busy() const {
    const std::lock_guard lock(mutex_);
    return busy();
}

/// The caller holds mutex_.
bool DeliveryQueue::busy() const {
    return std::ranges::any_of(flights_,
                               [](const auto& one) { return one.second.end == End::kNone; });
}

std::size_t DeliveryQueue::retries_fetched() const {
    const std::lock_guard lock(mutex_);
    return retries_fetched_;
}

bool DeliveryQueue::mark(std::span<const Pick> picks, std::int64_t lease_id) {
    const std::lock_guard lock(mutex_);
    std::size_t marked = 0;
    std::int64_t bytes = 0;
    const auto undo = [&] {
        for (const Pick& pick : picks.first(marked)) {
            flights_.erase(pick.delivery.alert_id);
        }
    };
    try {
        for (const auto& [from, delivery] : picks) {
            const std::int64_t attempts = delivery.attempt - 1;
            const auto size = static_cast<std::int64_t>(delivery.text.size());
            flights_.try_emplace(delivery.alert_id, Flight{.fetched = {lease_id, attempts},
                                                           .lane = from ? from->lane : nullptr,
                                                           .turn = {delivery.alert_id, attempts,
                                                                    from ? from->due_at_ms : 0},
                                                           .bytes = size});
            ++marked;
            bytes += size;
        }
    } catch (const std::bad_alloc&) {
        undo();
        throw;
    }
    if (!picks.empty() && !all_.try_add(bytes, bytes_, picks.size())) {
        undo();
        return false;
    }
    bytes_ += bytes;
    for (const Pick& pick : picks) {
        if (pick.from) {
            lanes_.go(*pick.from);
        }
        if (pick.delivery.attempt > 1) {
            ++retries_fetched_;
        }
    }
    if (!picks.empty()) {
        retry_first_ = picks.back().delivery.attempt == 1;
    }
    lanes_hold_ = lanes_.holds_any();
    return true;
}

DeliveryQueue::Room DeliveryQueue::room() const {
    const std::lock_guard lock(mutex_);
    return {all_.room(bytes_), bytes_ == 0};
}

bool DeliveryQueue::await_room(const Room& seen) {
    const std::lock_guard lock(mutex_);
    awaits_room_ = true;
    if (all_.is_short(bytes_)) {
        all_.await();
    }
    return all_.room(bytes_) > seen.bytes || (bytes_ == 0 && !seen.one);
}

void DeliveryQueue::room_freed() {
    if (awaits_room_ && awaits_room_.exchange(false)) {
        arrived(true);
    }
}

std::optional<DeliveryQueue::Fetched> DeliveryQueue::claim(std::int64_t alert_id) {
    std::optional<Fetched> fetched;
    std::int64_t bytes = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = flights_.find(alert_id);
        if (found == flights_.end() || found->second.claimed) {
            return fetched;
        }
        fetched = found->second.fetched;
        bytes = mark_claimed(found->second);
    }
    freed(bytes);
    return fetched;
}

/// The caller holds mutex_, and calls freed() after releasing it.
std::int64_t DeliveryQueue::mark_claimed(Flight& flight) noexcept {
    if (std::exchange(flight.claimed, true)) {
        return 0;
    }
    bytes_ -= flight.bytes;
    return flight.bytes;
}

void DeliveryQueue::freed(std::int64_t bytes) {
    if (bytes > 0) {
        all_.free(bytes);
        room_freed();
    }
}

void DeliveryQueue::over(std::int64_t alert_id) noexcept {
    bool another = false;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t retries = retries_fetched_;
        static_cast<void>(end(alert_id, End::kOver, {alert_id, 0, 0}));
        another = lanes_hold_ || retries_fetched_ < retries;
    }
    if (another) {
        arrived(false);
    }
}

void DeliveryQueue::again(std::int64_t alert_id, std::int64_t due_at_ms) noexcept {
    const std::lock_guard lock(mutex_);
    static_cast<void>(end(alert_id, End::kAgain, {alert_id, 1, due_at_ms}));
}

void DeliveryQueue::set_apart(std::int64_t alert_id) noexcept {
    {
        const std::lock_guard lock(mutex_);
        static_cast<void>(end(alert_id, End::kApart, {alert_id, 0, 0}));
    }
    arrived(false);
}

void DeliveryQueue::put_back(std::int64_t alert_id) noexcept {
    std::int64_t bytes = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto found = flights_.find(alert_id);
        if (found != flights_.end()) {
            bytes = end(alert_id, End::kAgain, Turn(found->second.turn));
        }
    }
    freed(bytes);
}

/// The caller holds mutex_, and calls freed() after releasing it.
std::int64_t DeliveryQueue::end(std::int64_t alert_id, End how, const Turn& turn) noexcept {
    const auto found = flights_.find(alert_id);
    if (found == flights_.end() || found->second.end != End::kNone) {
        return 0;
    }
    Flight& flight = found->second;
    const std::int64_t bytes = mark_claimed(flight);
    flight.end = how;
    flight.turn = turn;
    flight.next_ended = std::exchange(ended_, &flight);
    if (flight.fetched.attempts > 0) {
        --retries_fetched_;
    }
    return bytes;
}

void DeliveryQueue::offer(std::list<std::vector<std::int64_t>>& alert_ids) noexcept {
    const std::lock_guard lock(mutex_);
    offered_.splice(offered_.end(), alert_ids);
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
        woken_ = true;
        closed_ = closed_ || closed;
    }
    arrival_.notify_all();
}

void DeliveryQueue::rest() {
    const std::lock_guard lock(mutex_);
    woken_ = closed_;
}

bool DeliveryQueue::reorder(bool by_device) {
    {
        const std::scoped_lock lock(selecting_, mutex_);
        if (busy()) return false;
        // Those set apart stay marked as fetched; their rows are found again and skipped.
        std::erase_if(flights_, [](const auto& one) { return one.second.end != End::kApart; });
        ended_ = nullptr;
        offered_.clear();
        looking_at_.clear();
        lanes_ = DeviceLanes();
        lanes_hold_ = false;
        cursor_ = 0;
        by_device_ = by_device;
    }
    arrived(true);
    return true;
}

std::uint64_t DeliveryQueue::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

bool DeliveryQueue::woken() const {
    const std::lock_guard lock(mutex_);
    return woken_;
}

bool DeliveryQueue::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void DeliveryQueue::wait(std::uint64_t version, std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    arrival_.wait_until(lock, deadline, [&] { return woken_ || version_ != version; });
    --waiting_;
}

}  // namespace incm::inbox
