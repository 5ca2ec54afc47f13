#include "incm/admin/canary_board.h"

#include <algorithm>
#include <utility>

namespace incm::admin {

std::optional<std::int64_t> CanaryState::overdue_since_ms(std::int64_t now_ms) const {
    const std::int64_t from_ms = std::max(since_ms, last_ms);
    if (overdue_after_ms <= 0 || now_ms - from_ms < overdue_after_ms) return std::nullopt;
    return from_ms;
}

void CanaryBoard::watch(std::int64_t overdue_after_ms, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    if (state_.overdue_after_ms <= 0) state_.since_ms = now_ms;
    state_.overdue_after_ms = overdue_after_ms;
}

void CanaryBoard::came_back(std::int64_t round_trip_us, std::int64_t now_ms) {
    round_trips_us_.observe(round_trip_us);
    const std::lock_guard lock(mutex_);
    state_.last_ms = now_ms;
    state_.failure.clear();
}

void CanaryBoard::failed(std::string why) {
    const std::lock_guard lock(mutex_);
    ++state_.failed;
    state_.failure = std::move(why);
}

std::optional<CanaryState> CanaryBoard::state() const {
    const std::lock_guard lock(mutex_);
    if (state_.overdue_after_ms <= 0) return std::nullopt;
    CanaryState state = state_;
    state.round_trips_us = round_trips_us_.counts();
    return state;
}

}  // namespace incm::admin
