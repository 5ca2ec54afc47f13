#include "incm/inbox/sqlite/lease_ids.h"

#include <cstddef>

namespace incm::inbox::sqlite {

namespace {

constexpr std::size_t kIdBytes = 8;

}  // namespace

std::string pack_ids(std::span<const std::int64_t> ids) {
    std::string bytes;
    bytes.reserve(ids.size() * kIdBytes);
    for (const std::int64_t id : ids) {
        for (std::size_t i = 0; i < kIdBytes; ++i) {
            bytes += static_cast<char>(static_cast<std::uint64_t>(id) >> (8 * i) & 0xFF);
        }
    }
    return bytes;
}

std::vector<std::int64_t> unpack_ids(std::string_view bytes) {
    std::vector<std::int64_t> ids;
    for (std::size_t at = 0; at + kIdBytes <= bytes.size(); at += kIdBytes) {
        std::uint64_t id = 0;
        for (std::size_t i = 0; i < kIdBytes; ++i) {
            id |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
        }
        ids.push_back(static_cast<std::int64_t>(id));
    }
    return ids;
}

}  // namespace incm::inbox::sqlite
