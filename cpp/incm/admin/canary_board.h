#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "incm/base/clock.h"
#include "incm/base/histogram.h"
#include "incm/base/histogram_bounds.h"

namespace incm::admin {

/// How the canaries do: the alerts that the server posts to itself through its outer URL.
///
/// Units:   Unix milliseconds.
struct CanaryState {
    std::int64_t overdue_after_ms = 0;  ///< at most so long between two that came back
    std::int64_t last_ms = 0;           ///< when the last one came back; 0: none yet
    /// Since when none has come back, if that is too long; empty when it is not.
    std::optional<std::int64_t> overdue_since_ms;
    std::string failure;  ///< why the last one did not; "" when it did
    std::uint64_t failed = 0;
    base::HistogramCounts round_trips_us;
};

/// Keeps what became of the canaries, as their sender reports it.
///
/// Threads: any.
class CanaryBoard {
 public:
    /// Canaries are sent from now on, or with another limit; 0: no longer.
    void watch(std::int64_t overdue_after_ms, base::Instant now);
    void came_back(std::int64_t round_trip_us, base::Instant now);
    /// why: a sentence.
    void failed(std::string why);

    /// Empty while none are sent. now_ms: of the monotonic clock, which no step of the wall clock
    /// moves.
    [[nodiscard]] std::optional<CanaryState> state(std::int64_t now_ms) const;

 private:
    base::Histogram round_trips_us_{base::kShortTimesUs};
    mutable std::mutex mutex_;  // protects all below
    CanaryState state_;         // without round_trips_us and overdue_since_ms
    base::Instant from_{};      // when the last one came back, or else the watch began
};

}  // namespace incm::admin
