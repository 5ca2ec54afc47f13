#pragma once

#include <cstdint>

namespace incm::base {

/// One point in time, on both clocks. Time is always passed as an argument; only the outer layers
/// (http, receiver, bindings) read a clock.
struct Instant {
    std::int64_t wall_ms;    ///< UTC Unix milliseconds, for display: docs/promises.md, P13
    std::int64_t steady_ms;  ///< monotonic milliseconds since boot: for every decision
};

/// Read both clocks now (CLOCK_REALTIME and CLOCK_BOOTTIME). Threads: any.
[[nodiscard]] Instant now();
/// Read only the monotonic clock.
[[nodiscard]] std::int64_t steady_ms();
/// Read the same clock in microseconds, to measure how long something takes.
[[nodiscard]] std::int64_t steady_us();

}  // namespace incm::base
