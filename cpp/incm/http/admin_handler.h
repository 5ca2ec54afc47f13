#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "incm/base/log.h"
#include "incm/http/admin_api.h"
#include "incm/http/metrics_page.h"
#include "incm/http/server.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"

namespace incm::http {

/// The answer of the admin listener: GET or HEAD of /healthz (the process answers; 503 when
/// Python has not run for half a minute), /readyz (alerts are taken and reach the plugins; 503
/// while stopping, when the inbox cannot be read, or when Python does not run) and /metrics; and
/// the AdminApi, for whoever is no web page (browser_guard.h).
///
/// bound_host: the host that the listener was told.
/// door: tells of the alerts' listener; from any thread.
/// Threads: as webhook_answer(); ready may be changed at any time.
/// Source:  contract section 4.
[[nodiscard]] Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api,
                                  const ingest::Counters& counters, const std::atomic<bool>& ready,
                                  std::string bound_host, base::LogSink& log,
                                  std::function<FrontDoor()> door);

}  // namespace incm::http
