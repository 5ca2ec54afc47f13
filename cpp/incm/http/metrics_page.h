#pragma once

#include <string>

#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"

namespace incm::http {

/// What Prometheus reads.
///
/// Shape:   -> text exposition format 0.0.4. Names begin with `incm_webhook_`.
/// Threads: any.
[[nodiscard]] std::string metrics_page(const ingest::Counters& counters,
                                       const inbox::Counts& counts, inbox::Inbox::Disk disk);

}  // namespace incm::http
