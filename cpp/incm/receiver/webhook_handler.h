#pragma once

#include <functional>

#include "incm/base/log.h"
#include "incm/http/connection_rules.h"
#include "incm/http/server.h"
#include "incm/ingest/counters.h"
#include "incm/ingest/ingest.h"
#include "incm/receiver/refusal_log.h"
#include "incm/receiver/request_spans.h"

namespace incm::receiver {

/// Return the request handler of the alert listener: it takes POST of an alert to the path of an
/// endpoint, and GET or HEAD of rules.health_path.
///
/// Shape:   200 {"status": "accepted"|"duplicate", "id": N}, else a problem document. Health: 200
///          "ok" when takes_alerts() is true, else 503, with no other content; health checks are
///          not logged.
///          spans: gets the spans of authentic alerts; null: none are wanted.
/// Threads: the returned function may be called from any number of threads; ingest, counters,
///          refusals, log and spans must outlive it. It never throws: an unexpected exception is
///          logged and answered 500. If the alert is already handed over then, the connection ends
///          instead.
/// Source:  docs/http-api.md, Answers to alerts.
[[nodiscard]] http::Answer webhook_answer(ingest::Ingest& ingest, ingest::Counters& counters,
                                          RefusalLog& refusals, base::LogSink& log,
                                          const http::ConnectionRules& rules,
                                          std::function<bool()> takes_alerts, RequestSpans* spans);

/// Whether a request is a health check. One from a trusted proxy counts even if its client may not
/// send alerts, because it is the proxy's own check.
[[nodiscard]] bool is_health_check(const http::Request& request,
                                   const http::ConnectionRules& rules);
/// Answer a health check.
void answer_health(http::Response& response, bool takes_alerts);

}  // namespace incm::receiver
