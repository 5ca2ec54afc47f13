#include "incm/http/browser_guard.h"

#include <Poco/Net/IPAddress.h>
#include <Poco/String.h>

#include "incm/http/request.h"

namespace incm::http {

namespace {

/// The host of `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
std::string host_of(std::string_view field) {
    if (field.starts_with('[')) return std::string(field.substr(1, field.find(']') - 1));
    return std::string(field.substr(0, field.find(':')));
}

bool is_ours(const std::string& host, const std::string& bound_host) {
    Poco::Net::IPAddress address;
    return Poco::Net::IPAddress::tryParse(host, address) ||
           Poco::icompare(host, "localhost") == 0 || Poco::icompare(host, bound_host) == 0;
}

}  // namespace

std::optional<base::Error> refuse_browser(const Request& request, const std::string& bound_host) {
    const std::string_view authority = request.authority();
    if (!authority.empty() && !is_ours(host_of(authority), bound_host)) {
        return base::Error{base::ErrorCode::kForbidden,
                           "Host names another place: ask by IP address or as localhost"};
    }
    if (request.method() != "GET" && request.field("origin")) {
        return base::Error{base::ErrorCode::kForbidden,
                           "a web page may not change anything here: send no Origin"};
    }
    return std::nullopt;
}

}  // namespace incm::http
