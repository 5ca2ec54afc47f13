#pragma once

#include <cstdint>

namespace incm::base {

/// One moment on both clocks. Time is always handed in as an argument; only the edges
/// (http, receiver, bindings) read a clock.
struct Instant {
    std::int64_t wall_ms;    ///< UTC Unix milliseconds, for display: docs/promises.md, P13
    std::int64_t steady_ms;  ///< monotonic milliseconds since boot: for every decision
};

/// Read both clocks now (CLOCK_REALTIME and CLOCK_BOOTTIME). Threads: any.
[[nodiscard]] Instant now();
/// Read the steady one alone.
[[nodiscard]] std::int64_t steady_ms();

}  // namespace incm::base
