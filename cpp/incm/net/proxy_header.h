#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "incm/base/result.h"
#include "incm/net/ip_address.h"

namespace incm::net {

/// What a PROXY header says.
struct ProxyHeader {
    std::size_t size;                 ///< bytes of the header
    std::optional<IpAddress> client;  ///< none: the proxy speaks for itself (LOCAL, UNKNOWN)
};

/// Read the PROXY header, version 1 or 2, that a connection begins with.
///
/// Returns: nothing while more bytes are wanted.
/// Units:   at most 107 bytes in version 1, 16 and 2 KiB in version 2; what follows the addresses
///          there is skipped.
/// Errors:  kMalformedRequest, as soon as the bytes begin no such header.
/// Source:  the PROXY protocol, versions 1 and 2 (haproxy.org), sections 2.1 and 2.2.
[[nodiscard]] base::Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes);

}  // namespace incm::net
