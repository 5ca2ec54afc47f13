#include "incm/base/bytes.h"

#include <algorithm>

#include "incm/base/ascii.h"

namespace incm::base {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kEncodedSize = 44;
constexpr std::uint8_t kNoSextet = 0xFF;

constexpr std::array<std::uint8_t, 256> make_sextets() {
    std::array<std::uint8_t, 256> sextets{};
    sextets.fill(kNoSextet);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        sextets[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return sextets;
}

constexpr std::array<std::uint8_t, 256> kSextets = make_sextets();

std::uint32_t sextet(char c) {
    return kSextets[static_cast<unsigned char>(c)];
}

char letter(std::uint32_t bits) {
    return kAlphabet[bits & 0x3F];
}

}  // namespace

std::string base64_encode(const Digest& digest) {
    std::string text(kEncodedSize, '=');
    std::size_t to = 0;
    std::size_t from = 0;
    for (; from + 3 <= digest.size(); from += 3) {
        const std::uint32_t bits = static_cast<std::uint32_t>(digest[from]) << 16 |
                                   static_cast<std::uint32_t>(digest[from + 1]) << 8 |
                                   digest[from + 2];
        text[to++] = letter(bits >> 18);
        text[to++] = letter(bits >> 12);
        text[to++] = letter(bits >> 6);
        text[to++] = letter(bits);
    }
    const std::uint32_t bits =
        static_cast<std::uint32_t>(digest[from]) << 16 | std::uint32_t{digest[from + 1]} << 8;
    text[to++] = letter(bits >> 18);
    text[to++] = letter(bits >> 12);
    text[to] = letter(bits >> 6);
    return text;
}

std::optional<Digest> base64_decode_digest(std::string_view text) {
    if (text.size() != kEncodedSize || text.back() != '=') {
        return std::nullopt;
    }
    Digest digest{};
    std::uint32_t bits = 0;
    std::uint32_t seen = 0;
    std::size_t to = 0;
    for (std::size_t i = 0; i + 1 < kEncodedSize; ++i) {
        const std::uint32_t value = sextet(text[i]);
        seen |= value;
        bits = bits << 6 | (value & 0x3F);
        if (i % 4 == 3) {
            digest[to++] = static_cast<std::uint8_t>(bits >> 16);
            digest[to++] = static_cast<std::uint8_t>(bits >> 8);
            digest[to++] = static_cast<std::uint8_t>(bits);
        }
    }
    // The last three letters carry 18 bits for two bytes: two bits are left over and must be zero.
    if ((seen & 0xC0) != 0 || (bits & 3) != 0) {
        return std::nullopt;
    }
    digest[to++] = static_cast<std::uint8_t>(bits >> 10);
    digest[to] = static_cast<std::uint8_t>(bits >> 2);
    return digest;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
    const std::string_view shown = text.substr(0, std::min(text.size(), max_bytes));
    std::string line;
    line.reserve(shown.size() + 3);
    for (const char c : shown) {
        if (c >= 0x20 && c < 0x7F && c != '\\') {
            line.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        line.append("\\x");
        line.push_back(kHexDigits[byte >> 4]);
        line.push_back(kHexDigits[byte & 0xF]);
    }
    if (shown.size() < text.size()) {
        line.append("...");
    }
    return line;
}

}  // namespace incm::base
