#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "incm/admin/metrics_page.h"
#include "incm/admin/readiness.h"
#include "incm/base/clock.h"
#include "incm/inbox/catalog.h"
#include "incm/model/own_type.h"
#include "incm/receiver/receiver.h"

namespace incm::receiver {

namespace {

/// When the inbox got its last alert on each of these endpoints, as far as one page of its list
/// reaches; an endpoint without one is missing.
std::map<std::string, std::int64_t> last_stored_ms(inbox::Catalog& catalog,
                                                   std::set<std::string> endpoints) {
    std::map<std::string, std::int64_t> last_ms;
    if (endpoints.empty()) return last_ms;
    // One reading for all of them, since it may look at tens of thousands of alerts. The alert that
    // is wanted is the one with which all are known.
    const auto page = catalog.alerts(
        {.descending = true, .limit = 1, .wanted = [&](const inbox::StoredAlert& alert) {
             if (model::is_own_type(alert.type) || endpoints.erase(alert.endpoint) == 0)
                 return false;
             last_ms.emplace(alert.endpoint, alert.received_at_ms);
             return endpoints.empty();
         }});
    if (!page.ok()) last_ms.clear();
    return last_ms;
}

}  // namespace

admin::ServerState Receiver::server_state() const {
    admin::ServerState state{.connections = server_->open_connections(),
                             .certificate_end = {},
                             .started_at_ms = started_at_ms_,
                             .build = config_.build,
                             .address = listen_address().text(),
                             .admin_address = {},
                             .metrics_address = {},
                             .last_minute = history_.last_minute(),
                             .refuses_since_ms = history_.refuses_since_ms(),
                             .canary = canary_.state(base::steady_ms())};
    if (all_listen_) {  // a listener that is open serves while the next one is made
        if (admin_) state.admin_address = admin_address()->text();
        if (metrics_) state.metrics_address = metrics_address()->text();
    }
    if (const auto context = tls()) state.certificate_end = context->not_after();
    const std::lock_guard lock(reload_mutex_);
    state.reload = reload_;
    return state;
}

void Receiver::watch_silence(const std::vector<ingest::Endpoint>& endpoints) {
    const std::int64_t now_ms = base::now().wall_ms;
    std::set<std::string> begin;
    for (const ingest::Endpoint& one : endpoints) {
        // Looked up once: an endpoint that is watched already knows its last alert.
        if (one.silent_after_ms > 0 && counters_.endpoint(one.path).silent_after_ms() == 0) {
            begin.insert(one.path);
        }
    }
    const auto last_ms = last_stored_ms(inbox_->catalog(), std::move(begin));
    for (const ingest::Endpoint& one : endpoints) {
        const auto found = last_ms.find(one.path);
        counters_.endpoint(one.path).watch_silence(
            one.silent_after_ms, found == last_ms.end() ? now_ms : std::min(found->second, now_ms));
    }
}

base::Result<std::vector<admin::Finding>> Receiver::findings() {
    if (!api_) return base::Error{base::ErrorCode::kClosed, "the receiver is not started"};
    const auto counts = inbox_->counts();
    if (!counts.ok()) return counts.error();
    base::Result<inbox::Statistics> counted = backlog_->statistics();
    // Without it a backlog would seem to be over.
    if (!counted.ok()) return counted.error();
    const admin::MetricsSources from{.counters = counters_,
                                     .activity = activity_,
                                     .counts = counts.value(),
                                     .statistics = std::move(counted).value(),
                                     .disk = inbox_->disk_use(),
                                     .server = server_state(),
                                     .plugins = config_.plugins.get()};
    return admin::findings_of(from, admin::why_not_ready(*inbox_, ready_), base::now().wall_ms);
}

base::Result<std::int64_t> Receiver::raise(std::string text, const std::string& about) {
    if (!ingest_) return base::Error{base::ErrorCode::kClosed, "the receiver is not started"};
    return ingest_->raise(std::move(text), about, base::now());
}

void Receiver::watch_canary(std::string mark, std::int64_t overdue_after_ms) {
    if (ingest_) ingest_->set_canary_mark(std::move(mark));
    canary_.watch(overdue_after_ms, base::now());
}

}  // namespace incm::receiver
