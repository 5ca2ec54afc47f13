#include "incm/http/forwarded_for.h"

#include <algorithm>
#include <optional>

#include "incm/base/ascii.h"

namespace incm::http {

namespace {

/// Return the address of an entry, without brackets and port.
std::optional<net::IpAddress> address_of(std::string_view entry) {
    entry = base::trimmed(entry);
    if (entry.empty()) return std::nullopt;
    if (entry.front() == '[') {
        const std::size_t end = entry.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        entry = entry.substr(1, end - 1);
    } else if (std::ranges::count(entry, ':') == 1) {
        entry = entry.substr(0, entry.find(':'));
    }
    return net::IpAddress::parse(entry);
}

}  // namespace

net::IpAddress forwarded_for(std::string_view list, const net::IpAddress& peer,
                             const ConnectionRules& rules) {
    net::IpAddress client = peer;
    while (!list.empty()) {
        const std::size_t comma = list.rfind(',');
        const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
        const std::optional<net::IpAddress> entry = address_of(list.substr(begin));
        if (!entry) return client;
        client = *entry;
        if (!rules.is_proxy(client)) return client;
        list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
    }
    return client;
}

}  // namespace incm::http
