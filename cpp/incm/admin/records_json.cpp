#include "incm/admin/records_json.h"

#include <charconv>
#include <sstream>
#include <string_view>

#include <Poco/DateTimeFormatter.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/Timestamp.h>

#include "incm/base/ascii.h"

namespace incm::admin {

namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;
using State = inbox::PluginHistory::State;

Object ordered() {
    return Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

template <typename Document>
std::string text_of(const Document& document) {
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

Var nullable(const std::optional<std::int64_t>& number) {
    return number ? Var(*number) : Var();
}

Var nullable_time(const std::optional<std::int64_t>& wall_ms) {
    return wall_ms ? Var(rfc3339(*wall_ms)) : Var();
}

Var nullable_flag(const std::optional<bool>& flag) {
    return flag ? Var(*flag) : Var();
}

Var nullable_text(const std::string& text) {
    return text.empty() ? Var() : Var(text);
}

void add_alert(Object& object, const inbox::StoredAlert& alert) {
    object.set("id", alert.id);
    object.set("received_at", rfc3339(alert.received_at_ms));
    object.set("endpoint", alert.endpoint);
    object.set("form", alert.form);
    object.set("type", alert.type);
    object.set("device", alert.device);
}

constexpr std::size_t kUsualAlertJson = 256;

/// Append `,"name":"text"`.
void append_member(std::string& json, std::string_view name, std::string_view text) {
    json.append(",\"").append(name).append("\":\"");
    std::size_t from = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        json.append(text, from, at - from);
        from = at + 1;
        if (byte >= 0x20) {
            json.append({'\\', text[at]});
        } else {
            json.append(
                {'\\', 'u', '0', '0', byte < 0x10 ? '0' : '1', base::kHexDigits[byte & 0xF]});
        }
    }
    json.append(text, from).append("\"");
}

const char* state_name(State state) {
    switch (state) {
        case State::kOpen:
            return "open";
        case State::kDead:
            return "dead";
        case State::kDelivered:
            return "delivered";
        case State::kDropped:
            return "dropped";
        case State::kNever:
            break;
    }
    return "never";
}

Array ledger(const inbox::PluginHistory& plugin) {
    Array lines;
    for (const inbox::LedgerEntry& entry : plugin.ledger) {
        Object line = ordered();
        line.set("attempt", entry.number);
        line.set("started_at", rfc3339(entry.started_at_ms));
        line.set("duration_ms", nullable(entry.duration_ms));
        line.set("outcome", entry.outcome);
        line.set("error", nullable_text(entry.error));
        line.set("traceback", nullable_text(entry.traceback));
        lines.add(line);
    }
    return lines;
}

Var status_of(const std::string& plugin, const Doing& doing) {
    const std::optional<PluginStatus> status = doing(plugin);
    if (!status) return Var();
    Object object = ordered();
    object.set("state", status->state);
    object.set("since", rfc3339(status->since_ms));
    object.set("reason", nullable_text(status->reason));
    return object;
}

Object delivery(const inbox::PluginHistory& plugin, const Configured& configured,
                const Explain& explain, const Doing& doing) {
    Object object = ordered();
    object.set("plugin", plugin.plugin);
    object.set("configured", nullable_flag(configured(plugin.plugin)));
    object.set("status", status_of(plugin.plugin, doing));
    object.set("state", state_name(plugin.state));
    object.set("attempts", plugin.attempts);
    const bool open = plugin.state == State::kOpen;
    object.set("due_in_ms", open ? Var(plugin.due_in_ms) : Var());
    object.set("taken_at", nullable_time(plugin.fetched_at_ms));
    object.set("error", nullable_text(plugin.error));
    const auto reason = plugin.state == State::kNever ? explain(plugin) : std::nullopt;
    object.set("reason", reason ? Var(std::string(reason->code)) : Var());
    object.set("filter", reason && !reason->filter.empty() ? Var(reason->filter) : Var());
    object.set("ledger", ledger(plugin));
    return object;
}

}  // namespace

std::string rfc3339(std::int64_t wall_ms) {
    return Poco::DateTimeFormatter::format(Poco::Timestamp(wall_ms * 1000),
                                           "%Y-%m-%dT%H:%M:%S.%iZ");
}

std::string cursor_text(const inbox::UndeliveredCursor& cursor) {
    return std::to_string(cursor.plugin_id) + ":" + std::to_string(cursor.alert_id);
}

std::optional<inbox::UndeliveredCursor> read_cursor(const std::string& text) {
    inbox::UndeliveredCursor cursor;
    const char* const end = text.data() + text.size();
    const auto [colon, failed] = std::from_chars(text.data(), end, cursor.plugin_id);
    if (failed != std::errc() || colon == end || *colon != ':') return std::nullopt;
    const auto [rest, failed_too] = std::from_chars(colon + 1, end, cursor.alert_id);
    if (failed_too != std::errc() || rest != end) return std::nullopt;
    return cursor;
}

/// Write the JSON by hand, because Poco's objects and streams would hold a page of megabytes six
/// times.
std::string alerts_json(const inbox::AlertPage& page, bool with_body) {
    std::size_t size = 0;
    for (const inbox::StoredAlert& alert : page.alerts) {
        size += kUsualAlertJson + alert.text.size() + alert.text.size() / 8;  // for the escapes
    }
    std::string json;
    json.reserve(size);
    json += "{\"alerts\":[";
    for (const inbox::StoredAlert& alert : page.alerts) {
        json += json.back() == '[' ? "{\"id\":" : ",{\"id\":";
        json += std::to_string(alert.id);
        append_member(json, "received_at", rfc3339(alert.received_at_ms));
        append_member(json, "endpoint", alert.endpoint);
        append_member(json, "form", alert.form);
        append_member(json, "type", alert.type);
        append_member(json, "device", alert.device);
        if (alert.state.empty()) {
            json += ",\"state\":null";
        } else {
            append_member(json, "state", alert.state);
        }
        if (with_body) append_member(json, "body", alert.text);
        json += '}';
    }
    json += "],\"next\":" + (page.next ? std::to_string(*page.next) : "null") + "}";
    return json;
}

std::string history_json(const inbox::AlertHistory& history, const Configured& configured,
                         const Explain& explain, const Doing& doing) {
    Object document = ordered();
    add_alert(document, history.alert);
    document.set("body", history.alert.text);
    if (history.trace) document.set("trace", *history.trace);
    Array deliveries;
    for (const inbox::PluginHistory& plugin : history.plugins) {
        deliveries.add(delivery(plugin, configured, explain, doing));
    }
    document.set("deliveries", deliveries);
    return text_of(document);
}

std::string statistics_json(const inbox::Statistics& statistics, const inbox::Counts& counts,
                            const Configured& configured, const Doing& doing) {
    Object document = ordered();
    document.set("alerts", counts.alerts);
    document.set("open", counts.open);
    document.set("dead", counts.dead);
    Object quarantined = ordered();
    for (std::size_t kind = 0; kind < inbox::kQuarantineKinds.size(); ++kind) {
        quarantined.set(std::string(inbox::kQuarantineKinds[kind]),
                        counts.quarantined.by_kind[kind]);
    }
    document.set("quarantined", quarantined);
    document.set("last_alert_id", statistics.last_alert_id);
    document.set("first_received_at", nullable_time(statistics.first_received_at_ms));
    document.set("last_received_at", nullable_time(statistics.last_received_at_ms));
    Array plugins;
    for (const inbox::PluginTotals& totals : statistics.plugins) {
        Object plugin = ordered();
        plugin.set("plugin", totals.plugin);
        plugin.set("configured", nullable_flag(configured(totals.plugin)));
        plugin.set("status", status_of(totals.plugin, doing));
        plugin.set("open", totals.open);
        plugin.set("waiting", totals.waiting);
        plugin.set("dead", totals.dead);
        plugin.set("oldest_open_ms", nullable(totals.oldest_open_ms));
        plugin.set("more", totals.more);
        plugins.add(plugin);
    }
    document.set("plugins", plugins);
    Object file = ordered();
    file.set("path", statistics.path);
    file.set("bytes", statistics.file_bytes);
    file.set("log_bytes", statistics.log_bytes);
    file.set("free_bytes", statistics.free_bytes);
    document.set("file", file);
    return text_of(document);
}

std::string undelivered_json(const inbox::UndeliveredPage& page) {
    Array letters;
    for (const inbox::Undelivered& one : page.found) {
        Object object = ordered();
        object.set("plugin", one.plugin);
        object.set("state", one.dead ? "dead" : "orphaned");
        object.set("attempts", one.attempts);
        object.set("failed_at", nullable_time(one.failed_at_ms));
        object.set("error", nullable_text(one.error));
        add_alert(object, one.alert);
        letters.add(object);
    }
    Object document = ordered();
    document.set("dead", letters);
    document.set("next", page.next ? Var(cursor_text(*page.next)) : Var());
    return text_of(document);
}

}  // namespace incm::admin
