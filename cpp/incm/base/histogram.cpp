#include "incm/base/histogram.h"

#include <numeric>

namespace incm::base {

std::uint64_t HistogramCounts::total() const {
    return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

HistogramCounts HistogramCounts::since(const HistogramCounts& before) const {
    HistogramCounts difference = *this;
    for (std::size_t i = 0; i < buckets.size(); ++i) difference.buckets[i] -= before.buckets[i];
    difference.sum -= before.sum;
    return difference;
}

double HistogramCounts::quantile(double share) const {
    const double wanted = share * static_cast<double>(total());
    double below = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const auto here = static_cast<double>(buckets[i]);
        if (here > 0 && below + here >= wanted) {
            const auto lower = static_cast<double>(i == 0 ? 0 : bounds[i - 1]);
            const auto width = static_cast<double>(bounds[i]) - lower;
            return lower + width * (wanted - below) / here;
        }
        below += here;
    }
    return wanted > 0 ? static_cast<double>(bounds.back()) : 0;
}

void Histogram::observe(std::int64_t value) noexcept {
    // A linear search: there are few bounds, and most observations are small.
    std::size_t bucket = 0;
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

HistogramCounts Histogram::counts() const {
    HistogramCounts counts{.bounds = bounds_, .buckets = {}};
    counts.buckets.reserve(bounds_.size() + 1);
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
        counts.buckets.push_back(buckets_[i].load(std::memory_order_relaxed));
    }
    counts.sum = sum_.load(std::memory_order_relaxed);
    return counts;
}

}  // namespace incm::base
