#pragma once

#include <string>

namespace incm::auth {

/// The version of the OpenSSL in use, such as `3.0.20`.
/// Threads: any.
[[nodiscard]] std::string openssl_version();

}  // namespace incm::auth
