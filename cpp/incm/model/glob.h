#pragma once

#include <string_view>

namespace incm::model {

/// Match a text against one pattern of `*` (any number of bytes) and `?` (one byte). Takes linear
/// time for each star.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace incm::model
