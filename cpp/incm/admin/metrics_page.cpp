#include "incm/admin/metrics_page.h"

#include <map>
#include <string_view>

#include "incm/admin/delivery_metrics.h"
#include "incm/admin/exposition.h"
#include "incm/admin/process_metrics.h"
#include "incm/base/clock.h"
#include "incm/http/problem.h"
#include "incm/model/alert_type.h"

namespace incm::admin {

namespace {

constexpr double kMicroseconds = 1e6;  // in a second

void write_server(Exposition& page, const MetricsSources& from) {
    const ServerState& server = from.server;
    std::string_view version, python, core, sqlite;
    for (const auto& [name, value] : server.build) {
        (name == "version"  ? version
         : name == "python" ? python
         : name == "core"   ? core
                            : sqlite) = value;
    }
    page.family("build_info", "gauge", "The versions of the server and its parts; always 1.");
    page.sample({{"version", version}, {"python", python}, {"core", core}, {"sqlite", sqlite}},
                std::int64_t{1});
    page.family("start_time_seconds", "gauge",
                "When this server began to take alerts, in Unix time.");
    page.seconds({}, server.started_at_ms);
    page.one("ready", "gauge", "1 while alerts are taken and Python runs, as /readyz answers.",
             from.ready ? 1 : 0);
    page.one("config_last_reload_successful", "gauge",
             "1 when the configuration was last read without a mistake.", server.reload.ok ? 1 : 0);
    page.family("config_last_reload_success_timestamp_seconds", "gauge",
                "When the configuration was last read without a mistake, in Unix time.");
    page.seconds({}, server.reload.good_at_ms);
    page.one("connections", "gauge", "Open connections of the alert listener.",
             static_cast<std::int64_t>(server.connections));
    if (server.certificate_end) {
        page.family("tls_certificate_not_after_timestamp_seconds", "gauge",
                    "When the certificate of a listener expires, in Unix time.");
        page.sample({{"listener", "alerts"}}, *server.certificate_end);
    }
}

/// The answers by their status and by the reason of a refusal. Both come from the same counters.
void write_answers(Exposition& page, const ingest::Counters& counters) {
    std::map<std::string_view, std::uint64_t> reasons;
    std::map<int, std::uint64_t> statuses;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(base::kLastErrorCode); ++i) {
        const auto code = static_cast<base::ErrorCode>(i);
        const http::Problem problem = http::problem_for(code);
        reasons[problem.slug] += counters.refused(code);
        statuses[problem.status] += counters.refused(code);
    }
    statuses[503] += counters.failed_health_checks();
    statuses[200] += counters.accepted() + counters.duplicates() + counters.canaries() +
                     counters.good_health_checks();
    page.family("requests_total", "counter", "Requests on the alert listener, by their status.");
    for (const auto& [status, count] : statuses) {
        page.sample({{"code", std::to_string(status)}}, count);
    }
    page.family("requests_refused_total", "counter",
                "Requests answered with an error, by the problem's type.");
    for (const auto& [reason, count] : reasons) page.sample({{"reason", reason}}, count);
    page.one("requests_misdirected_total", "counter",
             "Signed requests for a path that no endpoint has, or with another method than POST.",
             static_cast<std::int64_t>(counters.misdirected()));
    page.one("health_checks_total", "counter", "Health checks on the alert listener.",
             static_cast<std::int64_t>(counters.health_checks()));
    page.family("answer_duration_seconds", "histogram",
                "Time from the arrival of a whole POST to an endpoint until its answer.");
    page.histogram({}, counters.answers_us(), kMicroseconds);
}

void write_alerts(Exposition& page, const ingest::Counters& counters) {
    const auto endpoints = counters.endpoints();
    const auto types = model::alert_types();
    page.family("alerts_accepted_total", "counter", "Alerts stored, by endpoint and type.");
    for (const auto& [path, counted] : endpoints) {
        for (std::size_t i = 0; i <= types.size(); ++i) {
            const std::string_view type = i < types.size() ? types[i].name : ingest::kOtherType;
            page.sample({{"endpoint", path}, {"type", type}}, counted->accepted(i));
        }
    }
    page.family("alerts_duplicate_total", "counter",
                "Alerts answered as duplicates of a stored one.");
    for (const auto& [path, counted] : endpoints) {
        page.sample({{"endpoint", path}}, counted->duplicates());
    }
    page.family("last_alert_timestamp_seconds", "gauge",
                "When an endpoint last got an alert, in Unix time; 0: not since the start.");
    for (const auto& [path, counted] : endpoints) {
        page.seconds({{"endpoint", path}}, counted->last_alert_ms());
    }
    page.family("endpoint_silent", "gauge",
                "1 while an endpoint has had no alert for longer than its silent_after.");
    const std::int64_t now_ms = base::now().wall_ms;
    for (const auto& [path, counted] : endpoints) {
        page.sample({{"endpoint", path}}, std::int64_t{counted->silent_since_ms(now_ms) ? 1 : 0});
    }
}

void write_canary(Exposition& page, const CanaryState& canary) {
    page.one("canary_overdue", "gauge", "1 while no canary has come back for too long.",
             canary.overdue_since_ms ? 1 : 0);
    page.family("canary_last_success_timestamp_seconds", "gauge",
                "When the last canary came back, in Unix time; 0: none since the start.");
    page.seconds({}, canary.last_ms);
    page.one("canary_failures_total", "counter", "Canaries that did not come back.",
             static_cast<std::int64_t>(canary.failed));
    page.family("canary_round_trip_seconds", "histogram",
                "Time from the sending of a canary through the outer URL until its answer.");
    page.histogram({}, canary.round_trips_us, kMicroseconds);
}

void write_quarantine(Exposition& page, const MetricsSources& from) {
    page.family("quarantined", "gauge", "Refused requests in the quarantine, by the reason.");
    for (std::size_t kind = 0; kind < inbox::kQuarantineKinds.size(); ++kind) {
        page.sample({{"reason", inbox::kQuarantineKinds[kind]}},
                    from.counts.quarantined.by_kind[kind]);
    }
    using ingest::NotKept;
    page.family("quarantine_dropped_total", "counter",
                "Refused requests that were not kept in the quarantine, by the reason.");
    page.sample({{"reason", "size"}}, from.counters.unkept(NotKept::kTooLarge));
    page.sample({{"reason", "rate"}}, from.counters.unkept(NotKept::kTooOften));
    page.sample({{"reason", "busy"}}, from.counters.unkept(NotKept::kBusy));
    page.sample({{"reason", "failed"}}, from.counters.unkept(NotKept::kFailed));
}

void write_inbox(Exposition& page, const MetricsSources& from) {
    page.one("inbox_alerts", "gauge", "Alerts in the inbox.", from.counts.alerts);
    page.family("inbox_deliveries", "gauge",
                "Deliveries of all plugins that are not made yet, and dead letters.");
    page.sample({{"state", "open"}}, from.counts.open);
    page.sample({{"state", "dead"}}, from.counts.dead);
    page.family("commit_duration_seconds", "histogram",
                "Time of each transaction of the inbox, with its fsync.");
    page.histogram({}, from.activity.commits_us(), kMicroseconds);
    page.family("commit_alerts", "histogram", "Alerts in each commit that stored any.");
    page.histogram({}, from.activity.commit_alerts(), 1);
    if (from.statistics) {
        page.family("inbox_file_bytes", "gauge", "Size of the inbox's file and of its log.");
        page.sample({{"file", "inbox"}}, from.statistics->file_bytes);
        page.sample({{"file", "log"}}, from.statistics->log_bytes);
    }
    page.one("inbox_log_warnings_total", "counter",
             "Times that the log was found too long, or twice as long as before.",
             from.disk.log_warnings);
    page.one("inbox_pruned_total", "counter", "Alerts removed because their retention was over.",
             from.activity.pruned());
    page.one("disk_free_bytes", "gauge", "Free disk of the inbox.", from.disk.free_bytes);
    page.one("disk_reserve_bytes", "gauge", "Free disk below which alerts are refused.",
             from.disk.reserve_bytes);
    page.one("disk_low", "gauge", "1 while alerts are refused because the disk is nearly full.",
             from.disk.low ? 1 : 0);
}

void write_traces(Exposition& page, const ingest::Counters& counters) {
    page.family("trace_spans_total", "counter",
                "Spans of traces that the collector took, and those that were dropped.");
    page.sample({{"result", "sent"}}, counters.spans_sent());
    page.sample({{"result", "dropped"}}, counters.spans_dropped());
}

}  // namespace

std::string metrics_page(const MetricsSources& from) {
    Exposition page;
    write_server(page, from);
    write_answers(page, from.counters);
    write_alerts(page, from.counters);
    if (from.server.canary) write_canary(page, *from.server.canary);
    write_quarantine(page, from);
    write_inbox(page, from);
    write_delivery_metrics(page, from.activity, from.statistics);
    if (from.plugins) write_plugin_metrics(page, *from.plugins);
    write_traces(page, from.counters);
    write_process_metrics(page);
    return std::move(page).text();
}

}  // namespace incm::admin
