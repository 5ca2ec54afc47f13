#include "incm/admin/api.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "incm/admin/bulk_changes.h"
#include "incm/admin/known_plugins.h"
#include "incm/admin/records_json.h"
#include "incm/base/ascii.h"
#include "incm/http/problem.h"
#include "incm/inbox/catalog.h"
#include "incm/model/alert.h"

namespace incm::admin {

namespace {

using base::Error;
using base::ErrorCode;
using inbox::DeliveryState;
using inbox::OperatorAction;

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxListed = 1000;
constexpr std::size_t kMaxIds = 1000;

Error bad(const std::string& text) {
    return {ErrorCode::kMalformedRequest, text};
}

ApiReply refusal(const Error& error) {
    return {.status = http::problem_for(error.code).status,
            .content_type = "application/problem+json",
            .body = http::problem_json(error),
            .allow = {}};
}

std::optional<DeliveryState> read_state(Parameters& given, std::optional<Error>& error) {
    const std::optional<std::string> state = given.text("state");
    if (!state) return std::nullopt;
    if (*state == "open") return DeliveryState::kOpen;
    if (*state == "dead") return DeliveryState::kDead;
    if (*state == "delivered") return DeliveryState::kDelivered;
    error = bad("\"state\" wants open, dead or delivered");
    return std::nullopt;
}

/// Read the part of a query that lists and replays share: numbers, times, types and devices.
inbox::AlertQuery read_alert_query(Parameters& given) {
    inbox::AlertQuery query;
    query.since_ms = given.time_ms("since");
    query.until_ms = given.time_ms("until");
    query.after = given.integer("after", 0, kMaxNumber).value_or(0);
    query.before = given.integer("before", 0, kMaxNumber).value_or(kMaxNumber);
    model::AlertFilter filter{.types = given.texts("type"), .devices = given.texts("device")};
    if (filter.types.empty() && filter.devices.empty()) return query;
    // The type has a column of its own; the names of a device are only in the text.
    query.wanted_reads_text = !filter.devices.empty();
    query.wanted = [filter = std::move(filter)](const inbox::StoredAlert& stored) {
        if (!filter.devices.empty()) {
            const auto alert = model::parse_alert(stored.text);
            return alert.ok() && filter.matches(alert.value(), stored.endpoint);
        }
        model::Alert alert;
        alert.type = stored.type;
        return filter.matches(alert, stored.endpoint);
    };
    return query;
}

/// Return why a plugin never got an alert, as far as today's configuration shows.
Reason reason_for(const ingest::Route* route, const inbox::PluginHistory& plugin,
                  const inbox::StoredAlert& stored) {
    if (!route) return {"not-configured"};
    if (plugin.first_alert_id > stored.id) return {"added-later"};
    const auto alert = model::parse_alert(stored.text);
    std::string filter =
        alert.ok() ? route->filter.mismatch(alert.value(), stored.endpoint) : std::string();
    if (filter.empty()) return {"filter-changed"};
    return {"filter", std::move(filter)};
}

template <typename Cursor>
std::string progress_json(const char* word, const Progress<Cursor>& progress) {
    std::string text = std::string("{\"") + word + "\":" + std::to_string(progress.changed);
    if (!progress.next) return text + ",\"next\":null}";
    if constexpr (std::is_same_v<Cursor, inbox::UndeliveredCursor>) {
        return text + ",\"next\":\"" + cursor_text(*progress.next) + "\"}";
    } else {
        return text + ",\"next\":" + std::to_string(*progress.next) + "}";
    }
}

}  // namespace

struct AdminApi::Call {
    const char* method;
    std::string_view path;  ///< ends with `/` when a number follows
    Text (AdminApi::*answer)(Parameters&) const;
};

const std::vector<AdminApi::Call>& AdminApi::calls() {
    static const std::vector<Call> kCalls = {
        {"GET", "/api/v1/alerts", &AdminApi::list_alerts},
        {"GET", "/api/v1/alerts/", &AdminApi::show_alert},
        {"GET", "/api/v1/stats", &AdminApi::show_statistics},
        {"GET", "/api/v1/dead", &AdminApi::list_dead},
        {"POST", "/api/v1/dead/retry", &AdminApi::retry_dead},
        {"POST", "/api/v1/dead/drop", &AdminApi::drop_dead},
        {"POST", "/api/v1/replay", &AdminApi::replay},
        {"GET", "/api/v1/quarantine", &AdminApi::list_quarantine},
        {"POST", "/api/v1/quarantine/retry", &AdminApi::retry_rejected},
        {"POST", "/api/v1/quarantine/drop", &AdminApi::drop_rejected},
        {"GET", "/api/v1/quarantine/", &AdminApi::show_rejected},
        {"GET", "/api/v1/state", &AdminApi::list_states},
        {"GET", "/api/v1/state/keys", &AdminApi::list_keys},
        {"POST", "/api/v1/state/drop", &AdminApi::drop_keys},
        {"GET", "/api/v1/backup/progress", &AdminApi::show_backup},
        {"POST", "/api/v1/backup", &AdminApi::start_backup},
        {"POST", "/api/v1/backup/cancel", &AdminApi::cancel_backup},
        {"POST", "/api/v1/reload", &AdminApi::reload},
    };
    return kCalls;
}

ApiReply AdminApi::call(const ApiRequest& request) const {
    const std::string_view path =
        std::string_view(request.target).substr(0, request.target.find('?'));
    const auto found = std::ranges::find_if(calls(), [&](const Call& one) {
        return path == one.path || (one.path.ends_with('/') && path.starts_with(one.path));
    });
    if (found == calls().end()) return refusal({ErrorCode::kNotFound, "no such page"});
    if (request.method != found->method) {
        ApiReply reply = refusal({ErrorCode::kMethodNotAllowed,
                                  std::string("this page needs the method ") + found->method});
        reply.allow = found->method;
        return reply;
    }
    base::Result<Parameters> given = parameters(request);
    if (!given.ok()) return refusal(given.error());
    if (!inbox_ && request.method == "POST")
        return refusal(bad("the inbox is open only for reading"));
    if (found->path.ends_with('/')) {
        given.value().add("id", std::string(path.substr(found->path.size())));
    }
    Text text = (this->*found->answer)(given.value());
    if (!text.ok()) return refusal(text.error());
    ApiReply reply{.body = std::move(text).value()};
    reply.body += '\n';
    reply.changed = request.method == "POST" && !given.value().flag("dry_run");
    return reply;
}

base::Result<Parameters> AdminApi::parameters(const ApiRequest& request) const {
    if (request.method == "GET") return Parameters::of_target(request.target);
    // Web pages of other sites can post forms and plain text without a preflight, but not this
    // type.
    if (!base::is_json_type(request.content_type)) {
        return Error{ErrorCode::kWrongContentType, "send Content-Type: application/json"};
    }
    return Parameters::of_json(request.body);
}

AdminApi::Text AdminApi::list_alerts(Parameters& given) const {
    std::optional<Error> wrong;
    inbox::AlertQuery query = read_alert_query(given);
    query.plugin = given.text("plugin");
    query.state = read_state(given, wrong);
    query.limit = static_cast<std::size_t>(given.integer("limit", 1, kMaxListed).value_or(100));
    query.with_text = given.flag("body");
    const std::string order = given.text("order").value_or("asc");
    query.descending = order == "desc";
    if (order != "asc" && order != "desc") wrong = bad("\"order\" wants asc or desc");
    if (const auto error = given.finish()) return *error;
    if (wrong) return *wrong;
    if (const auto error = unknown_plugin(catalog_, query.plugin)) return *error;
    const std::lock_guard lock(*making_page_);
    const auto page = catalog_.alerts(query);
    if (!page.ok()) return page.error();
    return alerts_json(page.value(), query.with_text);
}

AdminApi::Text AdminApi::show_alert(Parameters& given) const {
    const std::string text = given.text("id").value_or("");
    const auto id = given.integer("id", 0, kMaxNumber);
    if (!id) return Error{ErrorCode::kNotFound, "no such page"};
    if (const auto error = given.finish()) return *error;
    const auto history = catalog_.alert(*id);
    if (!history.ok()) return history.error();
    if (!history.value()) {
        return Error{ErrorCode::kNotFound,
                     "no alert has the number " + text + ", or it was pruned"};
    }
    const inbox::StoredAlert& stored = history.value()->alert;
    return history_json(
        *history.value(), [this](const std::string& plugin) { return configured(plugin); },
        [&](const inbox::PluginHistory& plugin) -> std::optional<Reason> {
            if (!routes()) return std::nullopt;
            return reason_for(route(plugin.plugin).get(), plugin, stored);
        },
        [this](const std::string& plugin) { return status(plugin); });
}

AdminApi::Text AdminApi::show_statistics(Parameters& given) const {
    if (const auto error = given.finish()) return *error;
    const auto statistics = catalog_.statistics();
    if (!statistics.ok()) return statistics.error();
    const auto counts = inbox_ ? inbox_->counts() : catalog_.counts();
    if (!counts.ok()) return counts.error();
    return statistics_json(
        statistics.value(), counts.value(),
        [this](const std::string& plugin) { return configured(plugin); },
        [this](const std::string& plugin) { return status(plugin); });
}

AdminApi::Text AdminApi::list_dead(Parameters& given) const {
    inbox::UndeliveredQuery query;
    query.plugin = given.text("plugin");
    query.limit = static_cast<std::size_t>(given.integer("limit", 1, kMaxListed).value_or(100));
    query.orphaned = [this](const std::string& name) { return configured(name) == false; };
    const auto after = given.text("after");
    if (const auto error = given.finish()) return *error;
    if (const auto error = unknown_plugin(catalog_, query.plugin)) return *error;
    const auto cursor = read_cursor(after.value_or("0:0"));
    if (!cursor) return bad("\"after\" must be the \"next\" of the previous answer");
    query.after = *cursor;
    const auto page = catalog_.undelivered(query);
    if (!page.ok()) return page.error();
    return undelivered_json(page.value());
}

AdminApi::Text AdminApi::retry_dead(Parameters& given) const {
    return change_dead(given, OperatorAction::kRetry, "retried");
}

AdminApi::Text AdminApi::drop_dead(Parameters& given) const {
    return change_dead(given, OperatorAction::kDropDead, "dropped");
}

AdminApi::Text AdminApi::change_dead(Parameters& given, OperatorAction how,
                                     const char* word) const {
    inbox::UndeliveredQuery query;
    query.plugin = given.text("plugin");
    query.orphaned = [this](const std::string& name) { return configured(name) == false; };
    const std::vector<std::int64_t> ids = given.integers("ids", 1, kMaxNumber);
    const bool all = given.flag("all");
    const auto cursor = read_cursor(given.text("after").value_or("0:0"));
    if (const auto error = given.finish()) return *error;
    if (const auto error = unknown_plugin(catalog_, query.plugin)) return *error;
    if (!cursor) return bad("\"after\" must be the \"next\" of the previous answer");
    if (ids.size() > kMaxIds) return bad("at most 1000 ids at once");
    if (ids.empty() && !query.plugin && !all)
        return bad("say which: ids, plugin, or \"all\": true");
    if (how == OperatorAction::kRetry && query.plugin && configured(*query.plugin) == false) {
        return bad("plugin " + *query.plugin +
                   " is not configured, so nothing would make the deliveries");
    }
    if (!ids.empty()) {
        const auto changed = change_ids(how, ids, query.plugin);
        if (!changed.ok()) return changed.error();
        return progress_json(word, Progress<inbox::UndeliveredCursor>{changed.value(), {}});
    }
    query.after = *cursor;
    const auto progress = change_undelivered(*inbox_, how, std::move(query));
    if (!progress.ok()) return progress.error();
    return progress_json(word, progress.value());
}

base::Result<std::int64_t> AdminApi::change_ids(OperatorAction how,
                                                const std::vector<std::int64_t>& ids,
                                                const std::optional<std::string>& name) const {
    const auto plugins = catalog_.plugins();
    if (!plugins.ok()) return plugins.error();
    std::vector<inbox::DeliveryName> dead;
    std::vector<inbox::DeliveryName> orphaned;
    for (const std::string& plugin : plugins.value()) {
        if (name && plugin != *name) continue;
        const bool abandoned = configured(plugin) == false;
        if (how == OperatorAction::kRetry && abandoned) continue;
        for (const std::int64_t id : ids) {
            dead.push_back({plugin, id});
            if (abandoned) orphaned.push_back({plugin, id});
        }
    }
    const auto changed = change_all(*inbox_, how, std::move(dead));
    if (!changed.ok()) return changed.error();
    const auto dropped = change_all(*inbox_, OperatorAction::kDropOpen, std::move(orphaned));
    if (!dropped.ok()) return dropped.error();
    return changed.value() + dropped.value();
}

AdminApi::Text AdminApi::replay(Parameters& given) const {
    const bool begins = given.text("since") || given.text("after");
    Replay what;
    what.alerts = read_alert_query(given);
    const auto plugin = given.text("plugin");
    what.dry_run = given.flag("dry_run");
    if (const auto error = given.finish()) return *error;
    if (!begins) return bad("say where to begin: since, or after");
    const auto known = routes();
    if (!known) {
        return bad("a replay needs the filters of the plugins, and no configuration was given");
    }
    for (const ingest::Route& one : *known) {
        if (!plugin || one.plugin == *plugin) what.routes.push_back(one);
    }
    if (plugin && what.routes.empty()) return bad("no plugin " + *plugin + " is configured");
    const auto progress = admin::replay(*inbox_, std::move(what));
    if (!progress.ok()) return progress.error();
    return progress_json("replayed", progress.value());
}

AdminApi::Text AdminApi::list_states(Parameters& given) const {
    return state_.list(given, [this](const std::string& plugin) { return configured(plugin); });
}

AdminApi::Text AdminApi::reload(Parameters& given) const {
    if (!reloads_) return bad("nothing runs that could be reloaded");
    return reloads_->call(given);
}

/// Return the routes in use; null when they are not known.
std::shared_ptr<const std::vector<ingest::Route>> AdminApi::routes() const {
    if (!ingest_) return {std::shared_ptr<void>(), routes_ ? &*routes_ : nullptr};
    const auto now = ingest_->serving();
    return {now, &now->routes};
}

/// Return the route of a plugin; null when there is none. The routes must be known.
std::shared_ptr<const ingest::Route> AdminApi::route(const std::string& plugin) const {
    const auto all = routes();
    const auto found =
        std::ranges::find_if(*all, [&](const auto& one) { return one.plugin == plugin; });
    return {all, found == all->end() ? nullptr : &*found};
}

std::optional<bool> AdminApi::configured(const std::string& plugin) const {
    if (!routes()) return std::nullopt;
    return route(plugin) != nullptr;
}

std::optional<PluginStatus> AdminApi::status(const std::string& plugin) const {
    return plugins_ == nullptr ? std::nullopt : plugins_->status(plugin);
}

}  // namespace incm::admin
