#pragma once

#include <cstdint>

#include "incm/inbox/retry_policy.h"

namespace incm::inbox {

/// What becomes of a delivery that was leased when its process ended.
enum class Interrupted {
    kAgain,    ///< it is made again
    kExpired,  ///< it is leased with `tries` below 1, to become a dead letter
    kDead,     ///< it is a dead letter
};

/// How often an expired delivery is leased, when the process ends each time meanwhile.
inline constexpr std::int64_t kExpiredLeases = 3;

/// tries: as in the Delivery that was leased. age_s: its age when the process ended.
[[nodiscard]] inline Interrupted after_interruption(std::int64_t tries, double age_s,
                                                    const RetryPolicy& policy) noexcept {
    if (tries < 1) {
        return tries > 1 - kExpiredLeases ? Interrupted::kExpired : Interrupted::kDead;
    }
    return tries > 1 && policy.gives_up(age_s) ? Interrupted::kExpired : Interrupted::kAgain;
}

/// The `tries` with which an expired delivery is leased next.
[[nodiscard]] constexpr std::int64_t expired_tries(std::int64_t tries) noexcept {
    return tries < 1 ? tries - 1 : 0;
}

}  // namespace incm::inbox
