#include "incm/admin/exposition.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace {

using incm::admin::Exposition;

TEST(ExpositionTest, NumbersHaveAPointAndNoMoreDigitsThanTheyNeed) {
    Exposition page;
    const std::array<std::int64_t, 4> bounds{500, 250'000, 1'000'000, 12'500'000};
    page.histogram({}, {.bounds = bounds, .buckets = {1, 0, 2, 0, 1}, .sum = 13'750'001}, 1e6);
    page.seconds({}, 1'700'000'000'123);
    page.seconds({}, -1500);
    page.seconds({}, 0);
    EXPECT_EQ(std::move(page).text(),
              "_bucket{le=\"0.0005\"} 1\n_bucket{le=\"0.25\"} 1\n_bucket{le=\"1\"} 3\n"
              "_bucket{le=\"12.5\"} 3\n_bucket{le=\"+Inf\"} 4\n_sum 13.750001\n_count 4\n"
              " 1700000000.123\n -1.5\n 0\n");
}

TEST(ExpositionTest, NumbersThatAreVeryLargeOrSmallHaveAnExponent) {
    Exposition page;
    const std::array<std::int64_t, 1> bounds{1'000'000'000'000'000'000};
    page.histogram({}, {.bounds = bounds, .buckets = {1, 0}, .sum = 1}, 1e-3);
    page.histogram({}, {.bounds = bounds, .buckets = {0, 0}, .sum = 1}, 1e6);
    EXPECT_EQ(std::move(page).text(),
              "_bucket{le=\"1e+21\"} 1\n_bucket{le=\"+Inf\"} 1\n_sum 1000\n_count 1\n"
              "_bucket{le=\"1000000000000\"} 0\n_bucket{le=\"+Inf\"} 0\n_sum 1e-06\n_count 0\n");
}

}  // namespace
