#include "incm/inbox/fair_turns.h"

#include <algorithm>

namespace incm::inbox {

std::vector<DeviceLanes::Candidate> mix(std::span<const DeviceLanes::Candidate> retries,
                                        std::span<const DeviceLanes::Candidate> fresh,
                                        std::size_t limit, bool retry_first) {
    std::size_t old_ones = std::min(retries.size(), limit);
    if (!fresh.empty()) {
        const std::size_t share = limit >= 2 ? limit / 2 : (retry_first ? 1 : 0);
        const std::size_t unfilled = limit - std::min(fresh.size(), limit - std::min(share, limit));
        old_ones = std::min(retries.size(), std::max(share, std::min(unfilled, limit)));
    }
    const std::size_t new_ones = std::min(fresh.size(), limit - old_ones);
    std::vector<DeviceLanes::Candidate> mixed;
    mixed.reserve(old_ones + new_ones);
    for (std::size_t i = 0; i < std::max(old_ones, new_ones); ++i) {
        if (i < old_ones) {
            mixed.push_back(retries[i]);
        }
        if (i < new_ones) {
            mixed.push_back(fresh[i]);
        }
    }
    return mixed;
}

}  // namespace incm::inbox
