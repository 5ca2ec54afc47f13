#include "incm/base/stable_hash.h"

#include <cstddef>

namespace incm::base {

namespace {

constexpr std::uint64_t kFactor = 0xc6a4a7935bd1e995ULL;
constexpr unsigned int kShift = 47;

/// Read at most eight bytes, little endian. With a constant size this is one instruction.
inline std::uint64_t word(const char* bytes, std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
}

}  // namespace

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) noexcept {
    std::uint64_t hash = seed ^ (bytes.size() * kFactor);
    while (bytes.size() >= sizeof hash) {
        std::uint64_t next = word(bytes.data(), sizeof hash) * kFactor;
        next ^= next >> kShift;
        hash = (hash ^ (next * kFactor)) * kFactor;
        bytes.remove_prefix(sizeof hash);
    }
    if (!bytes.empty()) {
        hash = (hash ^ word(bytes.data(), bytes.size())) * kFactor;
    }
    hash = (hash ^ (hash >> kShift)) * kFactor;
    return hash ^ (hash >> kShift);
}

}  // namespace incm::base
