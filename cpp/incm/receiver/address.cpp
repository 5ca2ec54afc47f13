#include "incm/receiver/address.h"

#include <charconv>
#include <utility>

namespace incm::receiver {

std::string Address::text() const {
    const bool ipv6 = host.find(':') != std::string::npos;
    return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

base::Result<Address> parse_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const base::Error wrong{base::ErrorCode::kBadConfig, "\"" + text + "\" is not HOST:PORT"};
    if (colon == std::string::npos || colon == 0) return wrong;
    std::string host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.back() != ']' || host.size() < 3) return wrong;
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string::npos) {
        return wrong;
    }
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data() + colon + 1, end, port);
    if (failed != std::errc() || rest != end) return wrong;
    return Address{std::move(host), port};
}

}  // namespace incm::receiver
