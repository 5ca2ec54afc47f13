#include "incm/inbox/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace incm::inbox {

double RetryPolicy::pause_s(std::int64_t tries, double luck) const noexcept {
    const auto longer = static_cast<double>(std::max<std::int64_t>(tries, 1) - 1);
    const double full = std::min(first_s * std::pow(factor, longer), longest_s);
    return full * (0.5 + 0.5 * luck);
}

}  // namespace incm::inbox
