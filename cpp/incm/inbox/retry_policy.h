#pragma once

#include <cstdint>

namespace incm::inbox {

/// A plugin's `retry` setting: when a delivery is tried again, and when no more. Seconds.
///
/// The one formula of all waits: of a failure, of an interruption, of a set-up.
/// Threads: immutable.
/// Source:  docs/configuration.md, Every key; the defaults are those of the settings.
struct RetryPolicy {
    double first_s = 1;         ///< full wait after the first try, > 0
    double factor = 2;          ///< by how much each wait is longer than the one before, >= 1
    double longest_s = 600;     ///< that no wait exceeds, > 0
    double give_up_s = 86'400;  ///< age of a delivery whose failure makes it a dead letter

    /// How long to wait after so many tries (>= 1; fewer are taken for one) that failed.
    ///
    /// Shape:   half of the full wait, and luck (0 to 1) adds up to the other half, so that what
    ///          failed together does not come back together.
    [[nodiscard]] double pause_s(std::int64_t tries, double luck) const noexcept;
    /// Whether a failure at this age is the last one.
    [[nodiscard]] bool gives_up(double age_s) const noexcept { return age_s >= give_up_s; }
};

}  // namespace incm::inbox
