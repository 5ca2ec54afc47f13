#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/result.h"

namespace incm::json {

/// Deepest nesting for which a text has a canonical form. It is the deepest that CPython 3.11 reads
/// and prints at the top level of a script, with its recursion limit of 1000.
inline constexpr std::size_t kMaxDepth = 995;

/// Rewrite a JSON text the way CPython 3.11 writes it.
///
/// Shape:   bytes -> exactly `json.dumps(json.loads(text.decode("utf-8")), ensure_ascii=False)` as
///          UTF-8: separators ", " and ": ", keys in the order of their first occurrence with the
///          value of the last, integers digit by digit, floats as repr() prints them, only `"`, `\`
///          and U+0000..U+001F escaped. NaN, Infinity and -Infinity are literals.
/// Units:   at most kMaxDepth levels of arrays and objects; time is linear in text.size() up to a
///          logarithm for objects with many keys, memory at most about 8 times text.size().
/// Errors:  kNotJson when CPython's json.loads refuses the text too (broken syntax, invalid UTF-8,
///          a byte order mark); kNoCanonicalForm when the text is JSON of a kind that CPython
///          cannot print again or that is beyond the limits (lone surrogates, an integer of more
///          than 4300 digits, too deep).
/// Threads: any; no state, no locale.
/// Source:  docs/canonical-json.md, Canonical text.
[[nodiscard]] base::Result<std::string> canonical_json(std::string_view text);

/// Return the text by which duplicates are recognised: the same for all spellings of one content.
///
/// Shape:   canonical_json(text) when it exists. Otherwise all that readable_json() accepts is
///          written in the same way: any depth, integers of any length, half a surrogate pair as
///          the three bytes that UTF-8 would have for it, and no leading byte order mark.
/// Units:   those of canonical_json(), at any depth.
/// Errors:  kNotJson; kNoCanonicalForm for more than 512 MiB.
/// Threads: any.
/// Source:  own choice (docs/promises.md, P4). It is compared, never signed and never read.
[[nodiscard]] base::Result<std::string> comparable_json(std::string_view text);

/// Check whether a text is JSON, and rewrite what strict parsers refuse.
///
/// Meant for authentic bodies that a strict parser rejected. Accepts all that canonical_json()
/// accepts, and also any depth, integers of any length, lone surrogates, and a leading byte order
/// mark.
///
/// Shape:   bytes -> strict RFC 8259 text with the same structure, order and duplicates. NaN and
///          the infinities become null. Numbers outside of int64 or not finite as double become
///          strings of their digits. Lone surrogate escapes become U+FFFD. One sentence is added to
///          problems for each kind of change (not for each place).
/// Errors:  kNotJson when the text is no JSON; problems is unchanged then.
/// Threads: any; not recursive, so each level of depth costs one bit.
/// Source:  own choice (docs/promises.md, P6: an authentic body is never dropped).
[[nodiscard]] base::Result<std::string> readable_json(std::string_view text,
                                                      std::vector<std::string>& problems);

}  // namespace incm::json
