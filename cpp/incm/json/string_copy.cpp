#include "incm/json/string_copy.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "incm/base/ascii.h"
#include "incm/base/hex.h"

namespace incm::json {
namespace {

constexpr std::uint32_t kNoUnit = 0xFFFFFFFF;

constexpr std::uint64_t repeat(unsigned char byte) {
    return 0x0101010101010101U * byte;
}

/// Return a word with the high bit set in each byte at which skip_ascii() stops; bytes above the
/// lowest of them may be wrong. For a byte below 0x80 the subtraction sets its high bit exactly
/// when it borrows; a byte from 0x80 on is a stop in any case.
constexpr std::uint64_t stops(std::uint64_t word) {
    const std::uint64_t control = word - repeat(0x20);
    const std::uint64_t quote = (word ^ repeat('"')) - repeat(1);
    const std::uint64_t backslash = (word ^ repeat('\\')) - repeat(1);
    return (control | quote | backslash | word) & repeat(0x80);
}

/// Find the first byte that is not ASCII, or is a quote, a backslash or a control character.
const char* skip_ascii(const char* from, const char* end) {
    if constexpr (std::endian::native == std::endian::little) {
        while (end - from >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, from, sizeof word);
            if (const std::uint64_t stop = stops(word); stop != 0) {
                return from + std::countr_zero(stop) / 8;
            }
            from += 8;
        }
    }
    return std::find_if(from, end, [](char c) {
        const auto byte = static_cast<unsigned char>(c);  // char is unsigned on some machines
        return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
    });
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Return the length of the UTF-8 sequence of a character beyond ASCII, or 0 when it is not valid.
std::ptrdiff_t sequence_length(const char* from, const char* end) {
    const auto lead = static_cast<unsigned char>(from[0]);
    const std::ptrdiff_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || end - from < length) {
        return 0;
    }
    for (std::ptrdiff_t i = 1; i < length; ++i) {
        if (!is_continuation(from[i])) {
            return 0;
        }
    }
    const auto second = static_cast<unsigned char>(from[1]);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second >= 0xA0;
    const bool too_large = lead == 0xF4 && second >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

/// Find the first byte that cannot be copied unchanged.
const char* skip_plain(const char* from, const char* end) {
    while (true) {
        from = skip_ascii(from, end);
        if (from == end || static_cast<unsigned char>(*from) < 0x80) {
            return from;
        }
        const std::ptrdiff_t length = sequence_length(from, end);
        if (length == 0) {
            return from;
        }
        from += length;
    }
}

/// Return the UTF-16 unit of the four hexadecimal digits at `from`, or kNoUnit.
std::uint32_t read_unit(const char* from, const char* end) {
    if (end - from < 4) {
        return kNoUnit;
    }
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i) {
        const std::optional<int> digit = base::hex_value(from[i]);
        if (!digit) {
            return kNoUnit;
        }
        unit = unit << 4 | static_cast<std::uint32_t>(*digit);
    }
    return unit;
}

void append_control(std::uint32_t code, std::string& out) {
    constexpr std::string_view kShort = "btn?fr";  // U+0008..U+000D; U+000B has no short form
    if (code >= 0x08 && code <= 0x0D && code != 0x0B) {
        out.push_back('\\');
        out.push_back(kShort[code - 0x08]);
        return;
    }
    out.append(code < 0x10 ? "\\u000" : "\\u001");
    out.push_back(base::kHexDigits[code & 0xF]);
}

void append_tail(std::uint32_t code, unsigned shift, std::string& out) {
    out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3F)));
}

void append_character(std::uint32_t code, std::string& out) {
    if (code < 0x20) {
        append_control(code, out);
    } else if (code < 0x80) {
        if (code == '"' || code == '\\') {
            out.push_back('\\');
        }
        out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out.push_back(static_cast<char>(0xC0 | (code >> 6)));
        append_tail(code, 0, out);
    } else if (code < 0x10000) {
        out.push_back(static_cast<char>(0xE0 | (code >> 12)));
        append_tail(code, 6, out);
        append_tail(code, 0, out);
    } else {
        out.push_back(static_cast<char>(0xF0 | (code >> 18)));
        append_tail(code, 12, out);
        append_tail(code, 6, out);
        append_tail(code, 0, out);
    }
}

bool is_high_surrogate(std::uint32_t unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low_surrogate(std::uint32_t unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// Copy one `\uXXXX` escape, or two that are a pair; `from` is just after the `u`.
StringCopy copy_unit(const char* from, const char* end, std::string& out) {
    const std::uint32_t unit = read_unit(from, end);
    if (unit == kNoUnit) {
        return {nullptr, false};
    }
    from += 4;
    if (!is_high_surrogate(unit) && !is_low_surrogate(unit)) {
        append_character(unit, out);
        return {from, false};
    }
    if (is_high_surrogate(unit) && end - from >= 6 && from[0] == '\\' && from[1] == 'u') {
        const std::uint32_t low = read_unit(from + 2, end);
        if (is_low_surrogate(low)) {
            append_character(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
            return {from + 6, false};
        }
    }
    append_character(unit, out);
    return {from, true};
}

/// Whether CPython writes the escape after a backslash the same way.
bool stays_as_it_is(const char* from, const char* end) {
    return from != end && (*from == '"' || *from == '\\' || *from == 'b' || *from == 'f' ||
                           *from == 'n' || *from == 'r' || *from == 't');
}

/// Copy one escape that is written differently; `from` is just after the backslash.
StringCopy copy_escape(const char* from, const char* end, std::string& out) {
    if (from == end || (*from != 'u' && *from != '/')) {
        return {nullptr, false};
    }
    if (*from == 'u') {
        return copy_unit(from + 1, end, out);
    }
    out.push_back('/');
    return {from + 1, false};
}

}  // namespace

std::size_t find_surrogate(std::string_view text, std::size_t from) {
    while (true) {
        const std::size_t at = text.find('\xED', from);
        if (at == std::string_view::npos || at + 1 == text.size()) {
            return std::string_view::npos;
        }
        if (static_cast<unsigned char>(text[at + 1]) >= 0xA0) {
            return at;
        }
        from = at + 1;
    }
}

StringCopy copy_string(const char* from, const char* end, std::string& out) {
    bool lone_surrogate = false;
    const char* run = from - 1;  // the opening quote is part of the first run
    while (true) {
        from = skip_plain(from, end);
        if (from == end) {
            return {nullptr, lone_surrogate};
        }
        if (*from == '"') {
            out.append(run, from + 1);
            return {from + 1, lone_surrogate};
        }
        if (*from != '\\') {
            return {nullptr, lone_surrogate};
        }
        if (stays_as_it_is(from + 1, end)) {
            from += 2;
            continue;
        }
        out.append(run, from);
        const StringCopy escape = copy_escape(from + 1, end, out);
        if (escape.end == nullptr) {
            return {nullptr, lone_surrogate};
        }
        lone_surrogate = lone_surrogate || escape.lone_surrogate;
        run = from = escape.end;
    }
}

}  // namespace incm::json
