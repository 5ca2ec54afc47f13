#include "incm/admin/status_json.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include "incm/admin/records_json.h"
#include "incm/http/problem.h"

namespace incm::admin {

namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

Object ordered() {
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

Var time_or_null(std::optional<std::int64_t> wall_ms) {
    return wall_ms ? Var(rfc3339(*wall_ms)) : Var();
}

Var text_or_null(const std::optional<std::string>& text) {
    return text ? Var(*text) : Var();
}

Object quantiles(const base::HistogramCounts& counts_us) {
    Object object = ordered();
    object.set("count", counts_us.total());
    object.set("p50", counts_us.quantile(0.5) / 1e3);
    object.set("p99", counts_us.quantile(0.99) / 1e3);
    return object;
}

Array findings_json(const std::vector<Finding>& findings, bool problems) {
    Array array;
    for (const Finding& one : findings) {
        if (!one.begins || one.is_problem != problems) continue;
        Object object = ordered();
        object.set("kind", std::string(one.kind));
        object.set("subject", one.subject);
        object.set("text", one.text);
        object.set("since", time_or_null(one.since_ms));
        object.set("reason", one.reason);
        array.add(object);
    }
    return array;
}

Object server_json(const ServerState& server, std::int64_t now_ms) {
    Object object = ordered();
    for (const auto& [name, value] : server.build) object.set(name, value);
    object.set("started_at", rfc3339(server.started_at_ms));
    object.set("uptime_ms", now_ms - server.started_at_ms);
    object.set("alerts", server.address);
    object.set("admin", text_or_null(server.admin_address));
    object.set("metrics", text_or_null(server.metrics_address));
    object.set("connections", static_cast<std::uint64_t>(server.connections));
    const auto end_s = server.certificate_end;
    object.set("certificate_ends_at",
               time_or_null(end_s ? std::optional(*end_s * 1000) : std::nullopt));
    Object reload = ordered();
    reload.set("ok", server.reload.ok);
    reload.set("at", rfc3339(server.reload.at_ms));
    reload.set("error", server.reload.error);
    object.set("reload", reload);
    return object;
}

Object last_minute_json(const LastMinute& minute) {
    Object object = ordered();
    object.set("seconds", minute.seconds);
    object.set("accepted", minute.accepted);
    object.set("duplicates", minute.duplicates);
    object.set("refused", minute.refused);
    object.set("answer_ms", quantiles(minute.answers_us));
    object.set("commit_ms", quantiles(minute.commits_us));
    return object;
}

Object requests_json(const ingest::Counters& counters) {
    std::map<std::string_view, std::uint64_t> reasons;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(base::kLastErrorCode); ++i) {
        const auto code = static_cast<base::ErrorCode>(i);
        if (const std::uint64_t count = counters.refused(code)) {
            reasons[http::problem_for(code).slug] += count;
        }
    }
    Object refused = ordered();
    for (const auto& [reason, count] : reasons) refused.set(std::string(reason), count);
    Object object = ordered();
    object.set("accepted", counters.accepted());
    object.set("duplicates", counters.duplicates());
    object.set("refused", refused);
    return object;
}

Var canary_json(const std::optional<CanaryState>& canary) {
    if (!canary) return {};
    Object object = ordered();
    const std::int64_t last_ms = canary->last_ms;
    object.set("overdue", canary->overdue_since_ms.has_value());
    object.set("overdue_after_ms", canary->overdue_after_ms);
    object.set("came_back_at", time_or_null(last_ms ? std::optional(last_ms) : std::nullopt));
    object.set("failed", canary->failed);
    object.set("failure", canary->failure);
    object.set("round_trip_ms", quantiles(canary->round_trips_us));
    return object;
}

Array endpoints_json(const ingest::Counters& counters, std::int64_t now_ms) {
    Array array;
    for (const auto& [path, counted] : counters.endpoints()) {
        const std::int64_t last_ms = counted->last_alert_ms();
        Object object = ordered();
        object.set("path", path);
        object.set("accepted", counted->accepted());
        object.set("duplicates", counted->duplicates());
        object.set("last_alert_at", time_or_null(last_ms ? std::optional(last_ms) : std::nullopt));
        const std::int64_t after_ms = counted->silent_after_ms();
        object.set("silent_after_ms", after_ms > 0 ? Var(after_ms) : Var());
        object.set("silent_since", time_or_null(counted->silent_since_ms(now_ms)));
        array.add(object);
    }
    return array;
}

Object plugin_json(const inbox::PluginTotals& totals, const MetricsSources& from) {
    Object object = ordered();
    object.set("plugin", totals.plugin);
    object.set("open", totals.open);
    object.set("waiting", totals.waiting);
    object.set("dead", totals.dead);
    object.set("more", totals.more);
    object.set("oldest_open_ms", totals.oldest_open_ms ? Var(*totals.oldest_open_ms) : Var());
    const auto counted = from.activity.of(totals.plugin);
    object.set("configured", counted != nullptr);
    Object attempts = ordered();
    if (counted) {
        for (std::size_t i = 0; i < inbox::kOutcomeNames.size(); ++i) {
            attempts.set(std::string(inbox::kOutcomeNames[i]), counted->attempts(i));
        }
    }
    object.set("attempts", attempts);
    const auto status =
        from.plugins != nullptr ? from.plugins->status(totals.plugin) : std::nullopt;
    if (!status) {
        object.set("status", Var());
        return object;
    }
    Object state = ordered();
    state.set("state", status->state);
    state.set("since", rfc3339(status->since_ms));
    state.set("reason", status->reason);
    object.set("status", state);
    object.set("breaker_open", status->figures.breaker_open);
    object.set("hanging_calls", status->figures.hanging_calls);
    return object;
}

Object inbox_json(const MetricsSources& from) {
    Object object = ordered();
    object.set("alerts", from.counts.alerts);
    object.set("open", from.counts.open);
    object.set("dead", from.counts.dead);
    Object quarantined = ordered();
    for (std::size_t kind = 0; kind < inbox::kQuarantineKinds.size(); ++kind) {
        quarantined.set(std::string(inbox::kQuarantineKinds[kind]),
                        from.counts.quarantined.by_kind[kind]);
    }
    object.set("quarantined", quarantined);
    if (from.statistics) {
        object.set("path", from.statistics->path);
        object.set("bytes", from.statistics->file_bytes);
        object.set("log_bytes", from.statistics->log_bytes);
    }
    object.set("disk_free_bytes", from.disk.free_bytes);
    object.set("disk_reserve_bytes", from.disk.reserve_bytes);
    object.set("disk_low", from.disk.low);
    return object;
}

}  // namespace

std::string status_json(const MetricsSources& from, const std::vector<Finding>& findings,
                        std::int64_t now_ms) {
    Object document = ordered();
    document.set("healthy", std::ranges::none_of(findings, [](const Finding& one) {
                     return one.begins && one.is_problem;
                 }));
    document.set("ready", from.ready);
    document.set("problems", findings_json(findings, /*problems=*/true));
    document.set("warnings", findings_json(findings, /*problems=*/false));
    document.set("now", rfc3339(now_ms));
    document.set("server", server_json(from.server, now_ms));
    document.set("last_minute", last_minute_json(from.server.last_minute));
    document.set("requests", requests_json(from.counters));
    document.set("endpoints", endpoints_json(from.counters, now_ms));
    document.set("canary", canary_json(from.server.canary));
    Array plugins;
    if (from.statistics) {
        for (const auto& totals : from.statistics->plugins) plugins.add(plugin_json(totals, from));
    }
    document.set("plugins", plugins);
    document.set("inbox", inbox_json(from));
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

}  // namespace incm::admin
