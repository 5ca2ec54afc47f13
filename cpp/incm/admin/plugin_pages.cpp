#include "incm/admin/plugin_pages.h"

#include <sstream>
#include <string_view>

#include <Poco/JSON/Object.h>

#include "incm/admin/records_json.h"

namespace incm::admin {

namespace {

constexpr std::string_view kReady = "ready";
constexpr std::string_view kRateLimited = "rate-limited";  // as its configuration wants

void head(std::string& page, std::string_view name, std::string_view type, std::string_view help) {
    page.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    page.append(name).append(" ").append(type).append("\n");
}

}  // namespace

std::string plugin_metrics(const PluginBoard& board) {
    std::string page;
    constexpr std::string_view kState = "incm_webhook_plugin_state";
    head(page, kState, "gauge", "1 for the state that a plugin is in.");
    for (const PluginStatus& one : board.all()) {
        for (const std::string_view state : kPluginStates) {
            page.append(kState).append("{plugin=\"").append(one.plugin).append("\",state=\"");
            page.append(state).append(one.state == state ? "\"} 1\n" : "\"} 0\n");
        }
    }
    constexpr std::string_view kRuns = "incm_webhook_python_runs";
    head(page, kRuns, "gauge", "0 while a plugin keeps Python from running.");
    page.append(kRuns).append(board.stall() ? " 0\n" : " 1\n");
    constexpr std::string_view kHeld = "incm_webhook_python_held_seconds_total";
    head(page, kHeld, "counter",
         "Seconds for which a plugin kept Python from running, where that was a second or more.");
    for (const auto& [plugin, held_ms] : board.held_ms()) {
        page.append(kHeld).append("{plugin=\"").append(plugin).append("\"} ");
        page.append(std::to_string(static_cast<double>(held_ms) / 1e3)).append("\n");
    }
    return page;
}

std::string ready_text(const PluginBoard& board, bool with_reasons) {
    std::string text(kReady);
    text += "\n";
    for (const PluginStatus& one : board.all()) {
        if (one.state == kReady || one.state == kRateLimited) continue;
        text += "plugin " + one.plugin + ": " + one.state + " since " + rfc3339(one.since_ms);
        if (with_reasons && !one.reason.empty()) text += ": " + one.reason;
        text += "\n";
    }
    return text;
}

std::string stall_problem(const Stall& stall, std::int64_t steady_ms) {
    const std::int64_t silent_s = (steady_ms - stall.since_steady_ms) / 1000;
    Poco::JSON::Object document(Poco::JSON_PRESERVE_KEY_ORDER);
    document.set("type", "urn:incm-webhook:problem:python-stalled");
    document.set("title", "Alerts are stored, but no plugin gets any: Python does not run");
    document.set("status", 503);
    document.set("detail",
                 "Python has not run for " + std::to_string(silent_s) + " s: " + stall.reason);
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

}  // namespace incm::admin
