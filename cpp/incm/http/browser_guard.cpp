#include "incm/http/browser_guard.h"

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/String.h>

namespace incm::http {

namespace {

/// The host of `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
std::string host_of(const std::string& field) {
    if (field.starts_with('[')) return field.substr(1, field.find(']') - 1);
    return field.substr(0, field.find(':'));
}

bool is_ours(const std::string& host, const std::string& bound_host) {
    Poco::Net::IPAddress address;
    return Poco::Net::IPAddress::tryParse(host, address) ||
           Poco::icompare(host, "localhost") == 0 || Poco::icompare(host, bound_host) == 0;
}

}  // namespace

std::optional<base::Error> refuse_browser(const Poco::Net::HTTPServerRequest& request,
                                          const std::string& bound_host) {
    if (request.has("Host") && !is_ours(host_of(request.getHost()), bound_host)) {
        return base::Error{base::ErrorCode::kForbidden,
                           "Host names another place: ask by IP address or as localhost"};
    }
    if (request.getMethod() != "GET" && request.has("Origin")) {
        return base::Error{base::ErrorCode::kForbidden,
                           "a web page may not change anything here: send no Origin"};
    }
    return std::nullopt;
}

}  // namespace incm::http
