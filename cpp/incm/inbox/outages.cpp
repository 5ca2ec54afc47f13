#include "incm/inbox/outages.h"

#include <algorithm>
#include <new>
#include <utility>

namespace incm::inbox {

Outages::Outages(std::vector<Outage> known) : outages_(std::move(known)) {}

void Outages::remember(std::vector<Outage> known) {
    const std::lock_guard lock(mutex_);
    outages_ = std::move(known);
}

void Outages::settled(Outcome outcome, std::int64_t now_ms) noexcept {
    const std::lock_guard lock(mutex_);
    const bool lasts = !outages_.empty() && outages_.back().ended_ms == kLasts;
    if (outcome == Outcome::kUnavailable && !lasts) {
        try {
            begin(now_ms);
        } catch (const std::bad_alloc&) {  // the next one will note it
        }
    } else if (ends_outage(outcome) && lasts) {
        outages_.back().ended_ms = now_ms;
    }
}

void Outages::begin(std::int64_t now_ms) {
    if (!outages_.empty() && outages_.back().ended_ms >= now_ms) {
        outages_.back().ended_ms = kLasts;
        return;
    }
    outages_.push_back({now_ms, kLasts});
    if (outages_.size() > kMost) {
        outages_[1].began_ms = outages_[0].began_ms;
        outages_.erase(outages_.begin());
    }
}

std::int64_t Outages::within(std::int64_t from_ms, std::int64_t until_ms) const {
    const std::lock_guard lock(mutex_);
    std::int64_t sum = 0;
    for (auto one = outages_.rbegin(); one != outages_.rend() && one->ended_ms > from_ms; ++one) {
        sum += std::max<std::int64_t>(
            std::min(one->ended_ms, until_ms) - std::max(one->began_ms, from_ms), 0);
    }
    return sum;
}

}  // namespace incm::inbox
