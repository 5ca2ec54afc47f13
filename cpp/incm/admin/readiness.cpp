#include "incm/admin/readiness.h"

#include <sstream>

#include <Poco/JSON/Object.h>

#include "incm/admin/records_json.h"

namespace incm::admin {

std::optional<base::Error> why_not_ready(const inbox::Inbox& inbox,
                                         const std::atomic<bool>& ready) {
    if (!ready) return base::Error{base::ErrorCode::kClosed, "the receiver is stopping"};
    return inbox.why_not_stored();
}

std::optional<std::string> overdue_canary(const ServerState& server, bool with_reason) {
    if (!server.canary || !server.canary->overdue_since_ms) return std::nullopt;
    std::string text = "no canary has come back through the outer URL since " +
                       rfc3339(*server.canary->overdue_since_ms);
    if (with_reason && !server.canary->failure.empty()) text += ": " + server.canary->failure;
    return text;
}

std::string canary_problem(const std::string& sentence) {
    Poco::JSON::Object document(Poco::JSON_PRESERVE_KEY_ORDER);
    document.set("type", "urn:incm-webhook:problem:canary-overdue");
    document.set("title", "Alerts may not reach this server: its own do not come back");
    document.set("status", 503);
    document.set("detail", sentence);
    std::ostringstream text;
    document.stringify(text);
    return text.str();
}

}  // namespace incm::admin
