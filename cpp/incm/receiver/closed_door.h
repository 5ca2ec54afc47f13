#pragma once

#include <functional>
#include <string>
#include <vector>

#include "incm/admin/pages.h"
#include "incm/base/result.h"
#include "incm/http/connection_rules.h"
#include "incm/http/exchange.h"
#include "incm/ingest/counters.h"
#include "incm/receiver/refusal_log.h"

namespace incm::receiver {

// The answers of the listeners while there is no inbox yet.

/// Why there is none; from any thread.
using Why = std::function<base::Error()>;

/// Of the alerts' listener: 503 with Retry-After for whatever comes, and for rules.health_path.
/// Threads: as webhook_answer().
[[nodiscard]] http::Answer closed_alerts_answer(ingest::Counters& counters, RefusalLog& refusals,
                                                const http::ConnectionRules& rules);

/// Of an admin listener: 200 for /healthz, since the process works, and 503 with the reason for all
/// else that there is. Threads: as admin::admin_answer().
[[nodiscard]] http::Answer closed_admin_answer(admin::Shows shows, std::vector<std::string> hosts,
                                               Why why);

}  // namespace incm::receiver
