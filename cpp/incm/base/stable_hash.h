#pragma once

#include <cstdint>
#include <string_view>

namespace incm::base {

/// Hash bytes to 64 bits: the same on every machine and in every version, so that it may be kept.
///
/// Not for secrets, and not against somebody who looks for two texts with one hash.
/// Shape:   seed -> another hash of the same bytes; the hash of what came before chains them.
/// Source:  MurmurHash64A by Austin Appleby, public domain.
[[nodiscard]] std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) noexcept;

}  // namespace incm::base
