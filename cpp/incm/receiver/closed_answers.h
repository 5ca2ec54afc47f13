#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "incm/admin/access.h"
#include "incm/admin/pages.h"
#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/http/connection_rules.h"
#include "incm/http/exchange.h"
#include "incm/ingest/counters.h"
#include "incm/receiver/refusal_log.h"

namespace incm::receiver {

// The request handlers of the listeners while the inbox is not open yet.

/// Returns why the inbox is not open. Threads: any.
using Why = std::function<base::Error()>;

/// Return the handler of the alert listener: 503 with Retry-After for every request, also for
/// rules.health_path. Threads: as webhook_answer().
[[nodiscard]] http::Answer closed_alerts_answer(ingest::Counters& counters, RefusalLog& refusals,
                                                const http::ConnectionRules& rules);

/// Return the handler of an admin listener: 200 for /healthz, because the process works, and 503
/// for all other pages, with the reason for requests that access allows on a listener that shows
/// all. Threads: as admin::admin_answer().
[[nodiscard]] http::Answer closed_admin_answer(admin::Shows shows, std::vector<std::string> hosts,
                                               std::shared_ptr<admin::Access> access,
                                               base::LogSink& log, Why why);

}  // namespace incm::receiver
