#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"

namespace incm::receiver {

/// A host and a port to listen on.
struct Address {
    std::string host;
    std::uint16_t port;

    /// `HOST:PORT`, with brackets around an IPv6 address.
    [[nodiscard]] std::string text() const;
};

/// Parse `HOST:PORT` or `[IPV6]:PORT`; port 0 means a free one. Errors: kBadConfig.
[[nodiscard]] base::Result<Address> parse_address(const std::string& text);

}  // namespace incm::receiver
