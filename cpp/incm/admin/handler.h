#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "incm/admin/api.h"
#include "incm/admin/metrics_page.h"
#include "incm/admin/pages.h"
#include "incm/base/log.h"
#include "incm/http/server.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"

namespace incm::admin {

/// The answer of the admin listener: GET or HEAD of /healthz (the process answers; 503 when
/// Python has not run for half a minute), /readyz (alerts are taken and reach the plugins; 503
/// while stopping, when the inbox cannot be read, or when Python does not run) and /metrics; and
/// the AdminApi. All for whom page_of() admits.
///
/// api: knows the plugins; asked by clients of a listener that shows all.
/// hosts: names that the listener may be asked by.
/// door: tells of the alerts' listener; from any thread.
/// Threads: as webhook_answer(); ready may be changed at any time.
/// Source:  docs/http-api.md, The admin listener.
[[nodiscard]] http::Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api, Shows shows,
                                        const ingest::Counters& counters,
                                        const std::atomic<bool>& ready,
                                        std::vector<std::string> hosts, base::LogSink& log,
                                        std::function<FrontDoor()> door);

}  // namespace incm::admin
