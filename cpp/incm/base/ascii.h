#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace incm::base {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Return the character, in lower case if it is an ASCII letter.
[[nodiscard]] constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Return a text with its ASCII letters in lower case.
[[nodiscard]] inline std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) c = lower(c);
    return result;
}

/// Whether both texts are equal apart from the case of ASCII letters. lower_case: without capital
/// letters.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
    return std::ranges::equal(text, lower_case, [](char a, char b) { return lower(a) == b; });
}

[[nodiscard]] constexpr bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// Return a text without the blanks and tabs around it.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Whether a Content-Type is that of JSON. Its parameters are ignored: JSON is always UTF-8.
[[nodiscard]] inline bool is_json_type(std::string_view content_type) {
    const std::string_view type = content_type.substr(0, content_type.find(';'));
    return equals_ignoring_case(trimmed(type), "application/json");
}

}  // namespace incm::base
