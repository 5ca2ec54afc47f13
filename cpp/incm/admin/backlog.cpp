#include "incm/admin/backlog.h"

#include <utility>

#include "incm/base/clock.h"

namespace incm::admin {

base::Result<inbox::Statistics> Backlog::statistics() {
    constexpr std::int64_t kTimesItsCost = 50;
    const std::lock_guard lock(counting_);
    const std::int64_t began_us = base::steady_us();
    if (last_ && began_us < until_us_) return *last_;
    auto counted = catalog_.statistics();
    if (!counted.ok()) return counted.error();
    last_ = std::move(counted).value();
    const std::int64_t ended_us = base::steady_us();
    until_us_ = ended_us + (ended_us - began_us) * kTimesItsCost;
    return *last_;
}

}  // namespace incm::admin
