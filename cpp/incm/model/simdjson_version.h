#pragma once

#include <string>

namespace incm::model {

/// The version of the simdjson in use, such as `3.12.3`.
/// Threads: any.
[[nodiscard]] std::string simdjson_version();

}  // namespace incm::model
