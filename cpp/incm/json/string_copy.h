#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace incm::json {

/// Length of a lone surrogate in the output of copy_string().
inline constexpr std::size_t kSurrogateBytes = 3;

/// The result of copying a string.
struct StringCopy {
    const char* end;  ///< just after the closing quote, or null: broken escape, control character,
                      ///< invalid UTF-8 or no closing quote
    bool lone_surrogate;  ///< an escape named half a surrogate pair; it was written as
                          ///< kSurrogateBytes bytes that are not UTF-8: see find_surrogate()
};

/// Copy one JSON string in the spelling of CPython's `ensure_ascii=False`.
///
/// Shape:   `from` is just after the opening quote. Appends both quotes and the text: only `"`, `\`
///          and U+0000..U+001F stay escaped, in their shortest form.
/// Errors:  a null end; the output then ends anywhere in the string.
/// Threads: any; no state, no locale.
/// Source:  docs/canonical-json.md, Strings; RFC 3629.
[[nodiscard]] StringCopy copy_string(const char* from, const char* end, std::string& out);

/// Return the position of the next lone surrogate in text that copy_string() wrote, or npos.
///
/// A lone surrogate is written with the bytes that the scheme of UTF-8 would give it. So keys that
/// differ in CPython differ here too, and a search shows whether one is left after duplicate keys
/// are removed.
[[nodiscard]] std::size_t find_surrogate(std::string_view text, std::size_t from = 0);

}  // namespace incm::json
