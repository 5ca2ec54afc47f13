#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "incm/inbox/records.h"
#include "incm/ingest/counters.h"

namespace incm::admin {

/// The state of the alert listener.
struct AlertListenerState {
    std::size_t connections = 0;  ///< open now
    /// When the certificate expires, Unix seconds; none without TLS
    std::optional<std::int64_t> certificate_end;
};

/// Return the page of metrics for Prometheus.
///
/// Shape:   text exposition format 0.0.4. Names begin with `incm_webhook_`.
/// Threads: any.
[[nodiscard]] std::string metrics_page(const ingest::Counters& counters,
                                       const inbox::Counts& counts, const inbox::DiskUse& disk,
                                       const AlertListenerState& listener);

}  // namespace incm::admin
