#pragma once

#include <string>
#include <string_view>

namespace incm::http {

/// Recognise a protocol that is not HTTP/1 by its first bytes: TLS, a PROXY header, HTTP/2.
/// Returns, for the log, what the client speaks and what the operator can do; "" for anything
/// unknown.
[[nodiscard]] std::string other_protocol(std::string_view first_bytes);

}  // namespace incm::http
