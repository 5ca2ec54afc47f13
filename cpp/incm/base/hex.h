#pragma once

#include <optional>

namespace incm::base {

/// Return the value of a hexadecimal digit in either case; empty for another character.
[[nodiscard]] constexpr std::optional<int> hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

}  // namespace incm::base
