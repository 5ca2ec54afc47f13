#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "incm/base/ascii.h"

namespace incm::http {

// Tables of the bytes that each part of a message may contain. Source: RFC 9110, section 5.6.

using Bytes = std::array<bool, 256>;

constexpr Bytes letters_digits_and(std::string_view others) {
    Bytes table{};
    for (std::size_t c = 0; c < table.size(); ++c) {
        table.at(c) = base::is_letter_or_digit(static_cast<char>(c));
    }
    for (const char c : others) table.at(static_cast<unsigned char>(c)) = true;
    return table;
}

constexpr Bytes visible_and(std::string_view others) {
    Bytes table{};
    for (std::size_t c = 0x21; c <= 0x7E; ++c) table.at(c) = true;
    for (const char c : others) table.at(static_cast<unsigned char>(c)) = true;
    return table;
}

constexpr Bytes with_bytes_from_0x80(Bytes table) {
    for (std::size_t c = 0x80; c < table.size(); ++c) table.at(c) = true;
    return table;
}

inline constexpr Bytes kToken = letters_digits_and("!#$%&'*+-.^_`|~");
inline constexpr Bytes kVisible = visible_and("");
inline constexpr Bytes kText = visible_and(" \t");
inline constexpr Bytes kOpaque = with_bytes_from_0x80(kText);

[[nodiscard]] inline bool is_one_of(char c, const Bytes& table) {
    return table[static_cast<unsigned char>(c)];
}

[[nodiscard]] inline bool contains_only(std::string_view text, const Bytes& table) {
    return std::ranges::all_of(text, [&](char c) { return is_one_of(c, table); });
}

[[nodiscard]] inline bool is_token(std::string_view text) {
    return !text.empty() && contains_only(text, kToken);
}

/// Whether a text is a valid list of chunk extensions, including the blanks before the first `;`.
/// Source:  RFC 9112, section 7.1.1.
[[nodiscard]] bool is_chunk_extensions(std::string_view text);

}  // namespace incm::http
