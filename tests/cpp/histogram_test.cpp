#include "incm/base/histogram.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using incm::base::Histogram;
using incm::base::HistogramCounts;
using Buckets = std::vector<std::uint64_t>;

constexpr std::int64_t kBounds[] = {10, 20, 40};

TEST(HistogramTest, ABoundBelongsToTheBucketBelowIt) {
    Histogram histogram(kBounds);
    for (const std::int64_t value : {0, 10, 11, 20, 40, 41, 1'000'000}) histogram.observe(value);
    const HistogramCounts counts = histogram.counts();
    EXPECT_EQ(counts.buckets, (Buckets{2, 2, 1, 2}));
    EXPECT_EQ(counts.total(), 7);
    EXPECT_EQ(counts.sum, 0 + 10 + 11 + 20 + 40 + 41 + 1'000'000);
}

TEST(HistogramTest, TheDifferenceOfTwoCountsIsWhatHappenedBetweenThem) {
    Histogram histogram(kBounds);
    histogram.observe(5);
    const HistogramCounts before = histogram.counts();
    histogram.observe(5);
    histogram.observe(100);
    const HistogramCounts since = histogram.counts().since(before);
    EXPECT_EQ(since.buckets, (Buckets{1, 0, 0, 1}));
    EXPECT_EQ(since.sum, 105);
}

TEST(HistogramTest, AQuantileIsInterpolatedWithinItsBucket) {
    Histogram histogram(kBounds);
    EXPECT_EQ(histogram.counts().quantile(0.99), 0) << "nothing was counted";
    for (int i = 0; i < 100; ++i) histogram.observe(15);
    EXPECT_DOUBLE_EQ(histogram.counts().quantile(0.5), 15);
    EXPECT_DOUBLE_EQ(histogram.counts().quantile(1), 20);
    for (int i = 0; i < 100; ++i) histogram.observe(99);
    EXPECT_DOUBLE_EQ(histogram.counts().quantile(0.99), 40) << "the highest bound";
    EXPECT_DOUBLE_EQ(histogram.counts().quantile(0.25), 15);
}

TEST(HistogramTest, NoObservationOfManyThreadsIsLost) {
    constexpr int kThreads = 4, kEach = 10'000;
    Histogram histogram(kBounds);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&] {
            for (int i = 0; i < kEach; ++i) histogram.observe(i % 50);
        });
    }
    for (std::thread& one : threads) one.join();
    EXPECT_EQ(histogram.counts().total(), kThreads * kEach);
    EXPECT_EQ(histogram.counts().sum, kThreads * kEach / 50 * (49 * 50 / 2));
}

}  // namespace
