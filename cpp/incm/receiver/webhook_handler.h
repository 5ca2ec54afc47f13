#pragma once

#include <functional>

#include "incm/base/log.h"
#include "incm/http/connection_rules.h"
#include "incm/http/server.h"
#include "incm/ingest/counters.h"
#include "incm/ingest/ingest.h"
#include "incm/receiver/refusal_log.h"

namespace incm::receiver {

/// The answer of the public listener: POST of an alert to an endpoint's path; GET or HEAD of
/// rules.health_path.
///
/// Shape:   200 {"status": "accepted"|"duplicate", "id": N}, else a problem document. Health: 200
///          "ok" when `takes_alerts` says so, else 503, and nothing else; not logged.
/// Threads: the returned function may be called from any number of threads; ingest, counters,
///          refusals and log must outlive it. It never throws: what nothing else caught is logged,
///          and answered 500, or once the alert is on its way the connection ends.
/// Source:  docs/http-api.md, Answers to alerts.
[[nodiscard]] http::Answer webhook_answer(ingest::Ingest& ingest, ingest::Counters& counters,
                                          RefusalLog& refusals, base::LogSink& log,
                                          const http::ConnectionRules& rules,
                                          std::function<bool()> takes_alerts);

/// Whether a request is a health check: also one that comes through a trusted proxy from where no
/// alert may come, since it is the proxy's.
[[nodiscard]] bool asks_for_health(const http::Request& request,
                                   const http::ConnectionRules& rules);
/// http::Answer it.
void tell_health(http::Response& response, bool takes_alerts);

}  // namespace incm::receiver
