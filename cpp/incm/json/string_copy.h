#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace incm::json {

/// Length of a lone surrogate in the output of copy_string().
inline constexpr std::size_t kSurrogateBytes = 3;

/// What was met while a string was copied.
struct StringCopy {
    const char* end;      ///< behind the closing quote, or null: broken escape, control character,
                          ///< invalid UTF-8 or no closing quote
    bool lone_surrogate;  ///< an escape named half a surrogate pair; kSurrogateBytes bytes that are
                          ///< no UTF-8 stand in its place: see find_surrogate()
};

/// Copy one JSON string in the spelling of CPython's `ensure_ascii=False`.
///
/// Shape:   from = behind the opening quote. Appends both quotes and the text: only `"`, `\` and
///          U+0000..U+001F stay escaped, in their shortest form.
/// Errors:  a null end; the output then ends anywhere in the string.
/// Threads: any; no state, no locale.
/// Source:  docs/canonical-json.md, Strings; RFC 3629.
[[nodiscard]] StringCopy copy_string(const char* from, const char* end, std::string& out);

/// The place of the next lone surrogate in what copy_string() wrote, or npos.
///
/// It is written as UTF-8 would write it if it could, so that keys that differ in CPython differ
/// here too, and so that it is seen whether one is left when duplicate keys have been taken out.
[[nodiscard]] std::size_t find_surrogate(std::string_view text, std::size_t from = 0);

}  // namespace incm::json
