#include "incm/admin/canary_board.h"

#include <utility>

namespace incm::admin {

void CanaryBoard::watch(std::int64_t overdue_after_ms, base::Instant now) {
    const std::lock_guard lock(mutex_);
    if (state_.overdue_after_ms <= 0) from_ = now;
    state_.overdue_after_ms = overdue_after_ms;
}

void CanaryBoard::came_back(std::int64_t round_trip_us, base::Instant now) {
    round_trips_us_.observe(round_trip_us);
    const std::lock_guard lock(mutex_);
    from_ = now;
    state_.last_ms = now.wall_ms;
    state_.failure.clear();
}

void CanaryBoard::failed(std::string why) {
    const std::lock_guard lock(mutex_);
    ++state_.failed;
    state_.failure = std::move(why);
}

std::optional<CanaryState> CanaryBoard::state(std::int64_t now_ms) const {
    const std::lock_guard lock(mutex_);
    if (state_.overdue_after_ms <= 0) return std::nullopt;
    CanaryState state = state_;
    if (now_ms - from_.steady_ms >= state.overdue_after_ms) state.overdue_since_ms = from_.wall_ms;
    state.round_trips_us = round_trips_us_.counts();
    return state;
}

}  // namespace incm::admin
