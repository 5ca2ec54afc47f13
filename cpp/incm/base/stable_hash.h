#pragma once

#include <cstdint>
#include <string_view>

namespace incm::base {

/// Hash bytes to 64 bits. The hash is the same on every machine and in every version, so that it
/// may be stored.
///
/// Do not use it for secrets, nor where an attacker could search for two texts with one hash.
/// Shape:   another seed gives another hash of the same bytes. To hash several texts as one, pass
///          the hash of the earlier ones as the seed.
/// Source:  MurmurHash64A by Austin Appleby, public domain.
[[nodiscard]] std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) noexcept;

}  // namespace incm::base
