#include "incm/admin/plugin_pages.h"

#include <sstream>
#include <string_view>

#include <Poco/JSON/Object.h>

#include "incm/admin/records_json.h"

namespace incm::admin {

namespace {

constexpr std::string_view kReady = "ready";
constexpr std::string_view kRateLimited = "rate-limited";  // as its configuration wants

}  // namespace

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

std::string stall_problem(const Stall& stall, std::int64_t steady_ms, bool with_reason) {
    const std::int64_t silent_s = (steady_ms - stall.since_steady_ms) / 1000;
    Poco::JSON::Object document(Poco::JSON_PRESERVE_KEY_ORDER);
    document.set("type", "urn:incm-webhook:problem:python-stalled");
    document.set("title", "Alerts are stored, but no plugin gets any: Python does not run");
    document.set("status", 503);
    document.set("detail", "Python has not run for " + std::to_string(silent_s) + " s" +
                               (with_reason ? ": " + stall.reason : ""));
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

}  // namespace incm::admin
