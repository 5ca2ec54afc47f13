#include "incm/admin/change_sentence.h"

#include <array>
#include <cstdint>

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "incm/base/bytes.h"

namespace incm::admin {

namespace {

using Poco::JSON::Object;

// The members of replies that count what was changed, in the order in which they are reported.
constexpr std::array kResults = {"retried",  "dropped",   "replayed",
                                 "accepted", "duplicate", "refused"};

struct Noun {
    std::string one;
    std::string many;
};

Noun noun_for(std::string_view path, const Object& reply) {
    if (path.starts_with("/api/v1/state/")) {
        const std::string of =
            " of plugin " + base::printable(reply.optValue<std::string>("plugin", ""));
        return {"key" + of, "keys" + of};
    }
    if (path.starts_with("/api/v1/quarantine/")) {
        return {"quarantined request", "quarantined requests"};
    }
    return {"delivery", "deliveries"};
}

/// Return "5 quarantined requests accepted, 2 refused"; "" when the reply counts nothing.
std::string counted(const Noun& noun, const Object& reply) {
    std::string text;
    for (const char* result : kResults) {
        const auto count = reply.optValue<std::int64_t>(result, 0);
        if (count == 0) continue;
        const bool first = text.empty();
        text += (first ? "" : ", ") + std::to_string(count) + " ";
        if (first) text.append(count == 1 ? noun.one : noun.many).append(" ");
        text += result;
    }
    if (!text.empty()) return text;
    for (const char* result : kResults) {
        if (reply.has(result)) return "no " + noun.many + " " + result;
    }
    return "";
}

std::string change(std::string_view path, const std::string& reply) {
    if (path == "/api/v1/backup/cancel") return "backup cancelled";
    const auto object = Poco::JSON::Parser().parse(reply).extract<Object::Ptr>();
    if (path == "/api/v1/backup") {
        return "backup to " + base::printable(object->getValue<std::string>("file")) + " started";
    }
    return counted(noun_for(path, *object), *object);
}

}  // namespace

std::string change_sentence(std::string_view path, const std::string& reply) {
    std::string text;
    try {
        text = change(path, reply);
    } catch (const Poco::Exception&) {
        // The change was made, so the log has a line about it in any case.
    }
    return "changed through the admin API: " + (text.empty() ? base::printable(path) : text);
}

}  // namespace incm::admin
