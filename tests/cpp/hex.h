#pragma once

#include <string>

#include "incm/base/ascii.h"
#include "incm/base/bytes.h"

namespace incm::test {

/// Lower-case hexadecimal of a digest: 64 characters.
inline std::string hex(const base::Digest& digest) {
    std::string text;
    for (const std::uint8_t byte : digest) {
        text.push_back(base::kHexDigits[byte >> 4]);
        text.push_back(base::kHexDigits[byte & 0xF]);
    }
    return text;
}

}  // namespace incm::test
