#include "incm/inbox/fetched_bytes.h"

#include <algorithm>

namespace incm::inbox {

std::int64_t FetchedBytes::room(std::int64_t own) const noexcept {
    return std::min(kMaxOfOne - own, std::max(kMaxOfAll - total_, kAlwaysOfOne - own));
}

bool FetchedBytes::is_short(std::int64_t own) const noexcept {
    return room(own) < kMaxOfOne - own;
}

bool FetchedBytes::try_add(std::int64_t bytes, std::int64_t own, std::size_t deliveries) noexcept {
    std::int64_t total = total_;
    do {
        const bool is_first = own == 0 && deliveries == 1;
        if (total + bytes > kMaxOfAll && own + bytes > kAlwaysOfOne && !is_first) {
            return false;
        }
    } while (!total_.compare_exchange_weak(total, total + bytes));
    return true;
}

void FetchedBytes::free(std::int64_t bytes) {
    total_ -= bytes;
    if (awaited_ && awaited_.exchange(false)) {
        const std::lock_guard lock(mutex_);
        for (RoomWaiter* waiter : waiters_) {
            waiter->room_freed();
        }
    }
}

}  // namespace incm::inbox
