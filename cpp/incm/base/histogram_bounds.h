#pragma once

#include <cstdint>

namespace incm::base {

/// From 0.5 ms to 10 s, in microseconds: how long answers and commits take.
inline constexpr std::int64_t kShortTimesUs[] = {
    500,     1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
/// From 1 ms to 5 min, in microseconds: how long calls of plugins take.
inline constexpr std::int64_t kCallTimesUs[] = {
    1'000,     5'000,     10'000,    25'000,     50'000,     100'000,    250'000,    500'000,
    1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000, 300'000'000};
/// From 10 ms to a day, in milliseconds: how long alerts wait for their delivery.
inline constexpr std::int64_t kWaitTimesMs[] = {
    10,     50,     100,     250,     500,       1'000,      5'000,     10'000,
    30'000, 60'000, 300'000, 900'000, 3'600'000, 21'600'000, 86'400'000};
/// Alerts in one commit.
inline constexpr std::int64_t kBatchSizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

}  // namespace incm::base
