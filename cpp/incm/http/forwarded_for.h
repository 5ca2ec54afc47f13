#pragma once

#include <string_view>

#include "incm/http/connection_rules.h"
#include "incm/net/ip_address.h"

namespace incm::http {

/// Return the client behind a chain of proxies: reading from the right, the first address that is
/// not a trusted proxy. A client can write anything into the list, but only at its left end.
///
/// list:    the values of X-Forwarded-For, separated by commas. Addresses may have ports and
///          brackets.
/// peer:    the sender of the list. It is returned when the last entry is not an address.
/// Returns: the leftmost address when all of them are proxies.
[[nodiscard]] net::IpAddress forwarded_for(std::string_view list, const net::IpAddress& peer,
                                           const ConnectionRules& rules);

}  // namespace incm::http
