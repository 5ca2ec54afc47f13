#pragma once

#include <cstdint>
#include <optional>

#include "incm/http/connection_manager.h"
#include "incm/http/connection_rules.h"
#include "incm/net/tls_context.h"

namespace incm::bindings {

/// The settings of the alert listener that are about its clients.
struct ClientRules {
    http::ConnectionRules rules;
    http::ConnectionLimits limits;
    std::optional<net::TlsFiles> tls;
};

/// Convert seconds, 0 to 1e9, to milliseconds. Errors: ValueError.
[[nodiscard]] std::int64_t milliseconds(double seconds);

}  // namespace incm::bindings
