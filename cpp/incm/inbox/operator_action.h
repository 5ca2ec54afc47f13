#pragma once

#include <cstdint>
#include <string>

namespace incm::inbox {

/// What an operator does to deliveries.
enum class OperatorAction {
    kRetry,      ///< dead letters become open and due now; the time until giving up starts again
    kDropDead,   ///< dead letters are deleted; the ledger keeps `dropped`
    kDropOpen,   ///< open deliveries are deleted in the same way; not those of a configured plugin
    kRedeliver,  ///< deliveries are made again under the same key, unless they are open; dead
                 ///< letters are retried
};

/// Names a delivery.
struct DeliveryName {
    std::string plugin;
    std::int64_t alert_id;
};

/// The most deliveries that one transaction changes; it is bounded because all other changes wait
/// for it.
inline constexpr std::size_t kMaxOperatorActions = 256;

}  // namespace incm::inbox
