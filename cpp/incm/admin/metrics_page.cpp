#include "incm/admin/metrics_page.h"

#include <map>
#include <string_view>

#include "incm/http/problem.h"

namespace incm::admin {

namespace {

void head(std::string& page, std::string_view name, std::string_view type, std::string_view help) {
    page.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    page.append(name).append(" ").append(type).append("\n");
}

template <typename Number>
void sample(std::string& page, std::string_view name, std::string_view labels, Number value) {
    page.append(name).append(labels).append(" ").append(std::to_string(value)).append("\n");
}

template <typename Number>
void metric(std::string& page, std::string_view name, std::string_view type, std::string_view help,
            Number value) {
    head(page, name, type, help);
    sample(page, name, "", value);
}

}  // namespace

std::string metrics_page(const ingest::Counters& counters, const inbox::Counts& counts,
                         const inbox::DiskUse& disk, const AlertListenerState& listener) {
    std::string page;
    metric(page, "incm_webhook_alerts_accepted_total", "counter", "Alerts stored.",
           counters.accepted());
    metric(page, "incm_webhook_alerts_duplicate_total", "counter",
           "Alerts answered as duplicates of a stored one.", counters.duplicates());
    std::map<std::string_view, std::uint64_t> refused;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(base::kLastErrorCode); ++i) {
        const auto code = static_cast<base::ErrorCode>(i);
        refused[http::problem_for(code).slug] += counters.refused(code);
    }
    constexpr std::string_view kRefused = "incm_webhook_requests_refused_total";
    head(page, kRefused, "counter", "Requests answered with an error, by the problem's type.");
    for (const auto& [slug, count] : refused) {
        sample(page, kRefused, "{reason=\"" + std::string(slug) + "\"}", count);
    }
    metric(page, "incm_webhook_requests_misdirected_total", "counter",
           "Signed requests for a path that no endpoint has, or with another method than POST.",
           counters.misdirected());
    metric(page, "incm_webhook_health_checks_total", "counter",
           "Health checks on the alert listener.", counters.health_checks());
    metric(page, "incm_webhook_connections", "gauge", "Open connections of the alert listener.",
           listener.connections);
    if (listener.certificate_end) {
        metric(page, "incm_webhook_certificate_end_timestamp_seconds", "gauge",
               "When the certificate of the alert listener ends.", *listener.certificate_end);
    }
    metric(page, "incm_webhook_inbox_alerts", "gauge", "Alerts in the inbox.", counts.alerts);
    constexpr std::string_view kDeliveries = "incm_webhook_deliveries";
    head(page, kDeliveries, "gauge", "Deliveries that are not made yet, by state.");
    sample(page, kDeliveries, "{state=\"open\"}", counts.open);
    sample(page, kDeliveries, "{state=\"dead\"}", counts.dead);
    constexpr std::string_view kQuarantined = "incm_webhook_quarantined";
    head(page, kQuarantined, "gauge", "Refused requests in the quarantine, by the reason.");
    for (std::size_t kind = 0; kind < inbox::kQuarantineKinds.size(); ++kind) {
        sample(page, kQuarantined,
               "{reason=\"" + std::string(inbox::kQuarantineKinds[kind]) + "\"}",
               counts.quarantined.by_kind[kind]);
    }
    using ingest::NotKept;
    constexpr std::string_view kUnkept = "incm_webhook_quarantine_dropped_total";
    head(page, kUnkept, "counter",
         "Refused requests that were not kept in the quarantine, by the reason.");
    sample(page, kUnkept, "{reason=\"size\"}", counters.unkept(NotKept::kTooLarge));
    sample(page, kUnkept, "{reason=\"rate\"}", counters.unkept(NotKept::kTooOften));
    sample(page, kUnkept, "{reason=\"busy\"}", counters.unkept(NotKept::kBusy));
    sample(page, kUnkept, "{reason=\"failed\"}", counters.unkept(NotKept::kFailed));
    metric(page, "incm_webhook_inbox_log_bytes", "gauge",
           "Length of the inbox's log, which grows while a program reads for long.",
           disk.log_bytes);
    metric(page, "incm_webhook_inbox_log_warnings_total", "counter",
           "Times that the log was found too long, or twice as long as before.", disk.log_warnings);
    metric(page, "incm_webhook_disk_free_bytes", "gauge", "Free disk of the inbox.",
           disk.free_bytes);
    metric(page, "incm_webhook_disk_low", "gauge",
           "1 while alerts are refused because the disk is nearly full.", disk.low ? 1 : 0);
    return page;
}

}  // namespace incm::admin
