#pragma once

#include <string_view>

#include "incm/http/connection_rules.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// Whom a chain of proxies stands for: read from the right, the first address that is no trusted
/// proxy, since a client can write into the list whatever it likes, but only at its left.
///
/// list:    values of X-Forwarded-For, with commas; ports and brackets around addresses may be
///          there.
/// peer:    who sent the list: what is returned when its last entry is no address.
/// Returns: the leftmost address when all are proxies.
[[nodiscard]] net::IpAddress forwarded_for(std::string_view list, const net::IpAddress& peer,
                                           const ConnectionRules& rules);

}  // namespace incm::http
