#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace incm::json {

/// The extent of a number in a JSON text.
struct NumberToken {
    const char* end;  ///< just after its last digit, or null when there is no number
    bool integral;    ///< neither a fraction nor an exponent
};

/// Find the end of a number that begins at `from`.
/// Source:  RFC 8259, section 6.
[[nodiscard]] NumberToken scan_number(const char* from, const char* end);

/// Return the double nearest to a number's text, ties to even; infinity when it is too large, zero
/// when it is too small.
///
/// Shape:   a text that scan_number() accepted, of any length; linear in its length.
/// Threads: any; no locale.
[[nodiscard]] double read_double(std::string_view token);

/// Compare two numbers by their exact values, not by the nearest doubles: `1`, `1.0` and `10e-1`
/// are equal.
///
/// Shape:   texts that scan_number() accepted, of any length; linear in their lengths. Exponents of
///          more than 18 digits are all the same.
/// Threads: any; no locale.
[[nodiscard]] std::strong_ordering compare_numbers(std::string_view a, std::string_view b);

/// Append an integer as CPython prints it: digit by digit, `-0` as `0`.
void append_integer(std::string_view token, std::string& out);

/// Append a number with a fraction or an exponent as CPython's json prints it: repr() of the
/// nearest double, Infinity or -Infinity.
///
/// Shape:   a text that scan_number() accepted -> shortest digits that read back the same;
///          positional for 1e-4 <= |x| < 1e16 and for zero, always with a point; otherwise
///          `d[.ddd]e±XX`.
/// Threads: any; no locale.
/// Source:  docs/canonical-json.md, Numbers.
void append_float(std::string_view token, std::string& out);

}  // namespace incm::json
