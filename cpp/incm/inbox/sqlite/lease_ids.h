#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace incm::inbox::sqlite {

/// The alert numbers of a lease as the bytes of its row, and back: 8 bytes each, little endian.
[[nodiscard]] std::string pack_ids(std::span<const std::int64_t> ids);
[[nodiscard]] std::vector<std::int64_t> unpack_ids(std::string_view bytes);

}  // namespace incm::inbox::sqlite
