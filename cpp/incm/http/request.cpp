#include "incm/http/request.h"

#include <algorithm>

#include "incm/base/ascii.h"
#include "incm/http/forwarded_for.h"
#include "incm/http/target.h"

namespace incm::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Remove the text before a mark, and the mark, from the front. Returns the text.
std::string_view take_until(std::string_view& text, std::string_view mark) {
    const std::size_t end = std::min(text.find(mark), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + mark.size(), text.size()));
    return part;
}

}  // namespace

Request::Request(Connection& connection)
    : connection_(connection), fields_(connection.head_text()) {
    std::string_view line = take_until(fields_, kLineEnd);
    method_ = take_until(line, " ");
    target_ = take_until(line, " ");
    if (const std::optional<Target> target = split_target(target_)) {
        target_ = target->path;
        authority_ = target->authority;
    }
    version_ = line;
}

std::string_view Request::authority() const {
    return authority_.empty() ? field("host").value_or("") : authority_;
}

std::optional<std::string_view> Request::field(std::string_view name) const {
    std::optional<std::string_view> found;
    visit(name, [&](std::string_view value) {
        found = value;
        return false;
    });
    return found;
}

std::string Request::joined(std::string_view name) const {
    std::string all;
    visit(name, [&](std::string_view value) {
        if (!all.empty()) all.append(",");
        all.append(value);
        return true;
    });
    return all;
}

/// Call the visitor with each value of a field, until it returns false.
void Request::visit(std::string_view name,
                    const std::function<bool(std::string_view)>& visitor) const {
    std::string_view rest = fields_;
    while (!rest.empty()) {
        std::string_view value = take_until(rest, kLineEnd);
        if (!base::equals_ignoring_case(take_until(value, ":"), name)) continue;
        if (!visitor(base::trimmed(value))) return;
    }
}

net::IpAddress Request::client(const ConnectionRules& rules) const {
    if (rules.proxy_protocol || !rules.is_proxy(connection_.peer())) return connection_.client();
    return forwarded_for(joined("x-forwarded-for"), connection_.client(), rules);
}

}  // namespace incm::http
