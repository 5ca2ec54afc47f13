#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"

namespace incm::json {

/// Nesting levels up to which a text has a canonical form: what CPython 3.11 reads and prints in a
/// script without a function, with its recursion limit of 1000.
inline constexpr std::size_t kMaxDepth = 995;

/// Write a JSON text the way CPython 3.11 writes it.
///
/// Shape:   bytes -> exactly `json.dumps(json.loads(text.decode("utf-8")), ensure_ascii=False)` as
///          UTF-8: separators ", " and ": ", keys in the order of their first occurrence with the
///          value of the last, integers digit by digit, floats as repr() prints them, only `"`, `\`
///          and U+0000..U+001F escaped. NaN, Infinity and -Infinity are literals.
/// Units:   at most kMaxDepth levels of arrays and objects; time is linear in text.size()
///          up to a logarithm for objects with many keys, memory at most about 8 times text.size().
/// Errors:  kNotJson when CPython's json.loads refuses the text too (broken syntax, invalid UTF-8,
/// a
///          byte order mark); kNoCanonicalForm when the text is JSON of a kind that CPython cannot
///          print again or that is beyond the limits (lone surrogates, an integer of more than 4300
///          digits, too deep).
/// Threads: any; no state, no locale.
/// Source:  docs/canonical-json.md, Canonical text.
[[nodiscard]] base::Result<std::string> canonical_json(std::string_view text);

/// The text by which repetitions are known: one for all spellings of a content.
///
/// Shape:   canonical_json(text) where there is one. Beyond it, what readable_json() accepts is
///          written the same way: any depth, integers of any length, half a surrogate pair as the
///          three bytes that UTF-8 would have for it, and no leading byte order mark.
/// Units:   as canonical_json(), at any depth.
/// Errors:  kNotJson; kNoCanonicalForm for more than 512 MiB.
/// Threads: any.
/// Source:  own choice (docs/promises.md, P4). It is compared, never signed and never read.
[[nodiscard]] base::Result<std::string> comparable_json(std::string_view text);

/// Say whether a text is JSON, and rewrite what strict parsers refuse.
///
/// For authentic bodies that a strict parser rejected: accepts all that canonical_json() accepts,
/// and beyond it any depth, integers of any length, lone surrogates, and a leading byte order mark.
///
/// Shape:   bytes -> strict RFC 8259 text with the same structure, order and duplicates, in which
/// NaN
///          and the infinities became null, numbers outside of int64 or not finite as double became
///          strings of their digits, and lone surrogate escapes became U+FFFD. One sentence is
///          added to problems for each kind of change (not for each place).
/// Errors:  kNotJson when the text is no JSON; problems is unchanged then.
/// Threads: any; not recursive, so depth costs one bit a level.
/// Source:  own choice (docs/promises.md, P6: an authentic body is never dropped).
[[nodiscard]] base::Result<std::string> readable_json(std::string_view text,
                                                      std::vector<std::string>& problems);

}  // namespace incm::json
