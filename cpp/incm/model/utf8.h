#pragma once

#include <string_view>

namespace incm::model {

/// Whether bytes are valid UTF-8 (RFC 3629).
/// Threads: any.
[[nodiscard]] bool is_utf8(std::string_view bytes);

}  // namespace incm::model
