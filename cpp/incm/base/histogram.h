#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace incm::base {

/// What a histogram has counted, or the difference between two such counts.
struct HistogramCounts {
    std::span<const std::int64_t> bounds;
    std::vector<std::uint64_t> buckets;  ///< one for each bound, and one for what is above all
    std::int64_t sum = 0;

    [[nodiscard]] std::uint64_t total() const;
    /// Return what was counted since `before`, a count of the same histogram.
    [[nodiscard]] HistogramCounts since(const HistogramCounts& before) const;
    /// Estimate the value below which this share of the observations lies, from 0 to 1. Values are
    /// taken to be spread evenly within a bucket. Returns the highest bound for what is above all,
    /// and 0 when nothing was counted.
    [[nodiscard]] double quantile(double share) const;
};

/// Counts observations by their size.
///
/// Units:   any whole number, the same for bounds and observations.
/// Threads: any. A count that is read during observations may miss the last ones, but its total
///          always equals the sum of its buckets.
class Histogram {
 public:
    static constexpr std::size_t kMostBounds = 15;

    /// bounds: the upper, inclusive bounds of the buckets in ascending order; at most kMostBounds.
    /// They must outlive this object and its counts.
    explicit Histogram(std::span<const std::int64_t> bounds) noexcept : bounds_(bounds) {}
    Histogram(const Histogram&) = delete;
    Histogram& operator=(const Histogram&) = delete;

    void observe(std::int64_t value) noexcept;
    [[nodiscard]] HistogramCounts counts() const;

 private:
    const std::span<const std::int64_t> bounds_;
    std::array<std::atomic<std::uint64_t>, kMostBounds + 1> buckets_{};
    std::atomic<std::int64_t> sum_{0};
};

}  // namespace incm::base
