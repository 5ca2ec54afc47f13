#include "incm/http/target.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "incm/base/ascii.h"
#include "incm/base/hex.h"
#include "incm/net/ip_address.h"

namespace incm::http {

namespace {

bool is_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return text.empty() || (error == std::errc() && end == text.data() + text.size());
}

bool is_name(std::string_view text) {
    constexpr std::string_view kOthers = "-._~!$&'()*+,;=";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size() || !base::hex_value(text[i + 1]) ||
                !base::hex_value(text[i + 2]))
                return false;
            i += 2;
        } else if (!base::is_letter_or_digit(c) && kOthers.find(c) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

bool is_ipv6(std::string_view text) {
    return text.find(':') != std::string_view::npos && net::IpAddress::parse(text).has_value();
}

}  // namespace

bool is_authority(std::string_view text) {
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return false;
        const std::string_view rest = text.substr(end + 1);
        return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
    }
    const std::size_t colon = std::min(text.find(':'), text.size());
    return is_name(text.substr(0, colon)) && is_port(text.substr(std::min(colon + 1, text.size())));
}

std::optional<Target> split_target(std::string_view text) {
    if (text.starts_with('/')) return Target{{}, text};
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!base::equals_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
        text.remove_prefix(scheme.size());
        const std::size_t end = std::min(text.find_first_of("/?"), text.size());
        const std::string_view authority = text.substr(0, end);
        if (authority.empty() || authority.front() == ':' || !is_authority(authority)) break;
        return Target{authority, end == text.size() ? "/" : text.substr(end)};
    }
    return std::nullopt;
}

}  // namespace incm::http
