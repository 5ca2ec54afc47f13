#include "incm/admin/browser_guard.h"

#include <algorithm>

#include <Poco/String.h>

#include "incm/base/bytes.h"
#include "incm/http/request.h"
#include "incm/net/ip_address.h"

namespace incm::admin {

namespace {

/// Return the host of `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
std::string host_of(std::string_view field) {
    if (field.starts_with('[')) return std::string(field.substr(1, field.find(']') - 1));
    return std::string(field.substr(0, field.find(':')));
}

bool is_ours(const std::string& host, const std::vector<std::string>& hosts) {
    return net::IpAddress::parse(host) || Poco::icompare(host, "localhost") == 0 ||
           std::ranges::any_of(
               hosts, [&](const std::string& one) { return Poco::icompare(host, one) == 0; });
}

}  // namespace

std::optional<base::Error> refuse_browser(const http::Request& request,
                                          const std::vector<std::string>& hosts) {
    const std::string_view authority = request.authority();
    const std::string host = host_of(authority);
    if (!authority.empty() && !is_ours(host, hosts)) {
        return base::Error{base::ErrorCode::kForbidden,
                           "Host is " + base::printable(host) +
                               ", which is not a name of this server: use an IP address or "
                               "localhost, or add the name to admin_hosts in [server] of the "
                               "configuration"};
    }
    if (request.method() != "GET" && request.field("origin")) {
        return base::Error{base::ErrorCode::kForbidden,
                           "a web page may not change anything here: send no Origin"};
    }
    return std::nullopt;
}

}  // namespace incm::admin
