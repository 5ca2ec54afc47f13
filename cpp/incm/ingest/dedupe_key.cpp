#include "incm/ingest/dedupe_key.h"

#include <algorithm>

namespace incm::ingest {

namespace {

constexpr std::size_t kIdBytes = 12;

std::optional<std::uint8_t> digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

}  // namespace

base::Digest dedupe_key(const base::Digest& content, std::optional<std::string_view> alert_id) {
    if (!alert_id || alert_id->size() != 2 * kIdBytes) return content;
    base::Digest key = content;
    for (std::size_t i = 0; i < kIdBytes; ++i) {
        const auto high = digit((*alert_id)[2 * i]);
        const auto low = digit((*alert_id)[2 * i + 1]);
        if (!high || !low) return content;
        key[i] = static_cast<std::uint8_t>(*high << 4 | *low);
    }
    return key;
}

}  // namespace incm::ingest
