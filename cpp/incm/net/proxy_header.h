#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "incm/base/result.h"
#include "incm/net/ip_address.h"

namespace incm::net {

/// The content of a PROXY header.
struct ProxyHeader {
    std::size_t size;                 ///< length of the header in bytes
    std::optional<IpAddress> client;  ///< none: the connection is the proxy's own (LOCAL, UNKNOWN)
};

/// Parse the PROXY header, version 1 or 2, at the beginning of a connection.
///
/// Returns: nothing while more bytes are needed.
/// Units:   at most 107 bytes in version 1, 16 bytes and 2 KiB in version 2. What follows the
///          addresses in version 2 is skipped.
/// Errors:  kMalformedRequest, as soon as the bytes cannot be the beginning of a PROXY header.
/// Source:  the PROXY protocol, versions 1 and 2 (haproxy.org), sections 2.1 and 2.2.
[[nodiscard]] base::Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes);

}  // namespace incm::net
