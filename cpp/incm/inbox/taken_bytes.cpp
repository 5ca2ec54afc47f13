#include "incm/inbox/taken_bytes.h"

#include <algorithm>

namespace incm::inbox {

std::int64_t TakenBytes::room(std::int64_t own) const noexcept {
    return std::min(kMaxOfOne - own, std::max(kMaxOfAll - taken_, kAlwaysOfOne - own));
}

bool TakenBytes::is_short(std::int64_t own) const noexcept {
    return room(own) < kMaxOfOne - own;
}

bool TakenBytes::take(std::int64_t bytes, std::int64_t own, std::size_t deliveries) noexcept {
    std::int64_t taken = taken_;
    do {
        const bool is_first = own == 0 && deliveries == 1;
        if (taken + bytes > kMaxOfAll && own + bytes > kAlwaysOfOne && !is_first) {
            return false;
        }
    } while (!taken_.compare_exchange_weak(taken, taken + bytes));
    return true;
}

void TakenBytes::free(std::int64_t bytes) {
    taken_ -= bytes;
    if (awaited_ && awaited_.exchange(false)) {
        for (RoomWaiter* waiter : waiters_) {
            waiter->room_freed();
        }
    }
}

}  // namespace incm::inbox
