#pragma once

#include <string>
#include <string_view>

namespace incm::http {

/// What a client speaks instead of HTTP/1, and what the operator can do, for the log; "" when its
/// first bytes are of nothing known: TLS, a PROXY header, HTTP/2.
[[nodiscard]] std::string other_protocol(std::string_view first_bytes);

}  // namespace incm::http
