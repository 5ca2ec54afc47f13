#pragma once

#include <string>

namespace incm::http {

/// The version of the Poco in use, such as `1.14.2`.
/// Threads: any.
[[nodiscard]] std::string poco_version();

}  // namespace incm::http
