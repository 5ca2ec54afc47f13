#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "incm/admin/access.h"
#include "incm/admin/api.h"
#include "incm/admin/pages.h"
#include "incm/admin/server_state.h"
#include "incm/base/log.h"
#include "incm/http/server.h"
#include "incm/inbox/activity.h"
#include "incm/inbox/inbox.h"
#include "incm/ingest/counters.h"

namespace incm::admin {

/// Return the request handler of an admin listener. It serves GET and HEAD of /healthz (200 when
/// the process answers; 503 when Python has not run for half a minute), of /readyz (200 when alerts
/// are accepted and reach the plugins; 503 while stopping, when the inbox cannot be read, when
/// Python does not run, or while the canary is overdue) and of /metrics, and the AdminApi.
/// page_of() decides which requests are allowed, and access who may call the AdminApi and see the
/// reasons in /readyz.
///
/// api: has the plugins' status; its pages are served only by a listener that shows all.
/// hosts: host names by which the listener may be addressed.
/// activity: what the inbox has done. server: returns the state of the server; called from any
/// thread.
/// Threads: as webhook_answer(); ready may change at any time.
/// Source:  docs/http-api.md, The admin listener.
[[nodiscard]] http::Answer admin_answer(
    inbox::Inbox& inbox, const AdminApi& api, Shows shows, const ingest::Counters& counters,
    const inbox::Activity& activity, const std::atomic<bool>& ready, std::vector<std::string> hosts,
    std::shared_ptr<Access> access, base::LogSink& log, std::function<ServerState()> server);

}  // namespace incm::admin
