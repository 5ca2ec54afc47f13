#pragma once

#include <cstdint>

namespace incm::inbox {

/// A plugin's `retry` setting: when a delivery is tried again, and when it is given up. In seconds.
///
/// This is the only formula for waits: after a failure, after an interruption, and between set-ups.
/// Threads: immutable.
/// Source:  docs/configuration.md, Every key; the defaults are those of the settings.
struct RetryPolicy {
    double first_s = 1;         ///< full wait after the first try, > 0
    double factor = 2;          ///< each wait is longer than the one before by this factor, >= 1
    double longest_s = 600;     ///< no wait is longer, > 0
    double give_up_s = 86'400;  ///< age of a delivery whose failure makes it a dead letter

    /// Return how long to wait after this many failed tries (>= 1; less counts as 1).
    ///
    /// Shape:   half of the full wait, plus a random part of the other half (luck, 0 to 1), so that
    ///          deliveries that failed together are not all tried again together.
    [[nodiscard]] double pause_s(std::int64_t tries, double luck) const noexcept;
    /// Whether a failure at this age makes the delivery a dead letter.
    [[nodiscard]] bool gives_up(double age_s) const noexcept { return age_s >= give_up_s; }
};

}  // namespace incm::inbox
