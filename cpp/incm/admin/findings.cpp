#include "incm/admin/findings.h"

#include <algorithm>

#include "incm/admin/records_json.h"

namespace incm::admin {

namespace {

constexpr std::int64_t kStartMs = 30'000;      // a usual set-up takes less
constexpr std::int64_t kSoonS = 14 * 86'400;   // for a certificate that expires
constexpr std::int64_t kLateMs = 15 * 60'000;  // for an alert that waits; as the alert rule

void add_plugins(std::vector<Finding>& all, const PluginBoard& board, std::int64_t now_ms) {
    for (const PluginStatus& one : board.all()) {
        // The others are normal: one waits for its rate because its configuration wants that.
        if (one.state == "ready" || one.state == "rate-limited") continue;
        const bool passes = one.state == "starting" && now_ms - one.since_ms < kStartMs;
        all.push_back({.is_problem = one.state != "starting",
                       .kind = "plugin",
                       .subject = "plugin " + one.plugin,
                       .since_ms = one.since_ms,
                       .text = one.state,
                       .reason = one.reason,
                       .begins = !passes});
    }
}

void add_backlog(std::vector<Finding>& all, const inbox::Statistics& statistics,
                 std::int64_t now_ms) {
    for (const inbox::PluginTotals& one : statistics.plugins) {
        const std::int64_t age_ms = one.oldest_open_ms.value_or(0);
        if (age_ms >= kLateMs) {
            all.push_back({.is_problem = true,
                           .kind = "backlog",
                           .subject = "plugin " + one.plugin,
                           .since_ms = now_ms - age_ms,
                           .text = std::to_string(one.open) + " alerts wait"});
        }
        if (one.dead > 0) {
            all.push_back({.kind = "dead_letters",
                           .subject = "plugin " + one.plugin,
                           .since_ms = {},
                           .text = std::to_string(one.dead) +
                                   (one.dead == 1 ? " dead letter" : " dead letters")});
        }
    }
}

void add_certificate(std::vector<Finding>& all, std::int64_t end_s, std::int64_t now_ms) {
    const std::int64_t left_s = end_s - now_ms / 1000;
    if (left_s > kSoonS) return;
    all.push_back({.is_problem = left_s <= 0,
                   .kind = "certificate",
                   .subject = "certificate",
                   .since_ms = {},
                   .text = (left_s <= 0 ? "expired at " : "expires at ") + rfc3339(end_s * 1000)});
}

/// A warning before the reserve is used up: then the alert about it could not be stored either.
void add_disk(std::vector<Finding>& all, const inbox::DiskUse& disk) {
    // It ends above more than it began at, so that it does not begin and end with each checkpoint.
    if (disk.reserve_bytes <= 0) return;
    if (!disk.low && disk.free_bytes / 5 >= disk.reserve_bytes / 2) return;
    all.push_back({.kind = "disk",
                   .subject = "disk",
                   .since_ms = {},
                   .text = "less is free than twice the reserve, at which alerts are refused",
                   .begins = !disk.low && disk.free_bytes / 2 < disk.reserve_bytes});
}

void add_silence(std::vector<Finding>& all, const ingest::Counters& counters, std::int64_t now_ms) {
    for (const auto& [path, counted] : counters.endpoints()) {
        const auto since_ms = counted->silent_since_ms(now_ms);
        if (!since_ms) continue;
        all.push_back({.is_problem = true,
                       .kind = "silent",
                       .subject = "endpoint " + path,
                       .since_ms = since_ms,
                       .text = "no alert"});
    }
}

void add_canary(std::vector<Finding>& all, const CanaryState& canary) {
    const auto& since_ms = canary.overdue_since_ms;
    // What began before a start has not ended until one comes back.
    if (!since_ms && canary.last_ms == 0) {
        all.push_back({.kind = "canary",
                       .subject = "canary",
                       .since_ms = {},
                       .text = "none has come back yet",
                       .begins = false});
    }
    if (!since_ms && canary.failure.empty()) return;
    all.push_back({.is_problem = since_ms.has_value(),
                   .kind = since_ms ? "canary" : "canary_failed",
                   .subject = "canary",
                   .since_ms = since_ms,
                   .text = since_ms ? "none came back" : "the last one did not come back",
                   .reason = canary.failure});
}

}  // namespace

std::vector<Finding> findings_of(const MetricsSources& from,
                                 const std::optional<base::Error>& not_ready, std::int64_t now_ms) {
    std::vector<Finding> all;
    if (not_ready) {
        const bool stops = not_ready->code == base::ErrorCode::kClosed;
        all.push_back({.is_problem = true,
                       .kind = stops ? "stopping" : "refusing",
                       .subject = stops ? "server" : "inbox",
                       .since_ms = from.server.refuses_since_ms,
                       .text = not_ready->text});
    }
    if (from.plugins != nullptr) {
        if (const auto stall = from.plugins->stall()) {
            all.push_back({.is_problem = true,
                           .kind = "stalled",
                           .subject = "server",
                           .since_ms = stall->since_ms,
                           .text = "Python does not run",
                           .reason = stall->reason});
        } else {
            add_plugins(all, *from.plugins, now_ms);
        }
    }
    if (from.statistics) add_backlog(all, *from.statistics, now_ms);
    add_disk(all, from.disk);
    add_silence(all, from.counters, now_ms);
    if (from.server.canary) add_canary(all, *from.server.canary);
    if (from.server.certificate_end) add_certificate(all, *from.server.certificate_end, now_ms);
    if (const LastReload& reload = from.server.reload; !reload.ok) {
        all.push_back({.kind = "reload",
                       .subject = "configuration",
                       .since_ms = reload.at_ms,
                       .text = "the last reload failed, so the configuration before it is used",
                       .reason = reload.error});
    }
    std::stable_partition(all.begin(), all.end(),
                          [](const Finding& one) { return one.is_problem; });
    return all;
}

std::string verbose_text(const std::vector<Finding>& findings, bool ready, bool with_reasons) {
    std::string text = ready ? "ready\n" : "not ready\n";
    for (const Finding& one : findings) {
        if (!one.begins) continue;
        text += one.subject + ": " + one.text;
        if (one.since_ms) text += " since " + rfc3339(*one.since_ms);
        if (with_reasons && !one.reason.empty()) text += ": " + one.reason;
        text += '\n';
    }
    return text;
}

}  // namespace incm::admin
