#include "incm/ingest/rate_limit.h"

#include <algorithm>

namespace incm::ingest {

bool RateLimit::allows(std::int64_t now_steady_ms) {
    if (rate_.count <= 0) return true;
    const std::lock_guard lock(mutex_);
    const auto passed_ms = static_cast<double>(now_steady_ms - filled_ms_);
    const double most = std::max(rate_.count, 1.0);
    tokens_ = std::min(most, tokens_ + passed_ms * rate_.count / static_cast<double>(rate_.per_ms));
    filled_ms_ = now_steady_ms;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

}  // namespace incm::ingest
