#pragma once

#include <cstdint>
#include <string>

namespace incm::inbox {

/// What a person does to deliveries.
enum class OperatorAction {
    kRetry,      ///< dead letters are open again and due now; when to give up counts anew
    kDropDead,   ///< dead letters are deleted; the ledger keeps `dropped`
    kDropOpen,   ///< the same for open ones; never of a plugin that is configured
    kRedeliver,  ///< made again, under the same key, unless it is open; a dead letter is retried
};

/// A delivery by its names.
struct DeliveryName {
    std::string plugin;
    std::int64_t alert_id;
};

/// At most so many deliveries are changed in one transaction, since all others wait for it.
inline constexpr std::size_t kMaxOperatorActions = 256;

}  // namespace incm::inbox
