#include "incm/json/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace incm::json {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

const char* skip_digits(const char* from, const char* end) {
    return std::find_if_not(from, end, is_digit);
}

/// A number without its sign, as 0.DIGITS times a power of ten.
struct Scaled {
    std::string_view digits;  // from the first that is not zero; may contain the point; empty: zero
    std::int64_t power = 0;
};

Scaled scaled(std::string_view token) {
    const std::size_t mark = std::min(token.find_first_of("eE"), token.size());
    const std::string_view mantissa = token.substr(0, mark);
    const std::size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) return {};
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::int64_t before_point =
        static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
    std::string_view exponent = token.substr(std::min(mark + 1, token.size()));
    const bool negative = exponent.starts_with('-');
    exponent.remove_prefix(negative || exponent.starts_with('+') ? 1 : 0);
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 2;
    std::int64_t value = 0;
    const auto [_, error] =
        std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
    if (error == std::errc::result_out_of_range || value > kMax) {
        value = kMax;  // so that the sum does not overflow
    }
    return {mantissa.substr(first),
            (before_point < 0 ? before_point + 1 : before_point) + (negative ? -value : value)};
}

/// Compare digits after the same point; digits that are missing count as zeros.
std::strong_ordering compare_digits(std::string_view a, std::string_view b) {
    const auto next = [](std::string_view& digits) {
        if (digits.starts_with('.')) digits.remove_prefix(1);
        const char digit = digits.empty() ? '0' : digits.front();
        digits.remove_prefix(digits.empty() ? 0 : 1);
        return digit;
    };
    while (!a.empty() || !b.empty()) {
        const char left = next(a);
        const char right = next(b);
        if (left != right) return left <=> right;
    }
    return std::strong_ordering::equal;
}

std::strong_ordering compare_magnitudes(const Scaled& a, const Scaled& b) {
    return a.power != b.power ? a.power <=> b.power : compare_digits(a.digits, b.digits);
}

/// Whether a non-zero number that no double can hold is too large (and not too small). Such numbers
/// are hundreds of powers of ten from 1.
bool is_too_large(std::string_view token) {
    return scaled(token).power > 0;
}

/// Format the shortest digits as repr() does; point = the number of digits before the point.
void append_digits(std::string_view digits, int point, std::string& out) {
    constexpr int kFirstExponentBelow = -4;
    constexpr int kLastPositional = 16;
    const int count = static_cast<int>(digits.size());
    if (point > kFirstExponentBelow && point <= 0) {
        out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
    } else if (point > 0 && point <= kLastPositional && point >= count) {
        out.append(digits).append(static_cast<std::size_t>(point - count), '0').append(".0");
    } else if (point > 0 && point <= kLastPositional) {
        const auto whole = static_cast<std::size_t>(point);
        out.append(digits.substr(0, whole)).append(".").append(digits.substr(whole));
    } else {
        out.append(digits.substr(0, 1));
        if (count > 1) {
            out.append(".").append(digits.substr(1));
        }
        const int exponent = point - 1;
        out.append(exponent < 0 ? "e-" : "e+");
        const std::string text = std::to_string(std::abs(exponent));
        out.append(text.size() < 2 ? "0" : "").append(text);
    }
}

/// The significant digits of a number, and the number of them before the point.
struct Decimal {
    std::array<char, 15> digits;
    std::size_t count = 0;
    int point = 0;
};

/// Read an exponent of at most three digits, starting after its `e`.
std::optional<int> read_short_exponent(std::string_view text) {
    const bool negative = text.starts_with('-');
    text.remove_prefix(negative || text.starts_with('+') ? 1 : 0);
    if (text.size() > 3) {
        return std::nullopt;
    }
    int value = 0;
    for (const char c : text) {
        value = 10 * value + (c - '0');
    }
    return negative ? -value : value;
}

/// Read a number without its sign, unless it has more than 15 significant digits or is far from 1.
std::optional<Decimal> read_short(std::string_view token) {
    Decimal number;
    int scale = 1;  // before the point a digit counts as one place, and a leading zero as none
    std::size_t at = 0;
    for (; at < token.size() && token[at] != 'e' && token[at] != 'E'; ++at) {
        if (token[at] == '.') {
            scale = 0;
        } else if (number.count > 0 || token[at] != '0') {
            if (number.count == number.digits.size()) {
                return std::nullopt;
            }
            number.digits[number.count++] = token[at];
            number.point += scale;
        } else {
            number.point += scale - 1;
        }
    }
    if (at < token.size()) {
        const std::optional<int> exponent = read_short_exponent(token.substr(at + 1));
        if (!exponent) {
            return std::nullopt;
        }
        number.point += *exponent;
    }
    while (number.count > 0 && number.digits[number.count - 1] == '0') {
        --number.count;
    }
    constexpr int kFarthest = 290;  // beyond it doubles have fewer digits
    if (number.point < -kFarthest || number.point > kFarthest) {
        return std::nullopt;
    }
    return number;
}

/// Write a double as repr() does.
void append_double(double value, std::string& out) {
    if (std::signbit(value)) {
        out.push_back('-');
    }
    if (std::isinf(value)) {
        out.append("Infinity");
        return;
    }
    std::array<char, 32> text{};
    const auto [end, _] = std::to_chars(text.data(), text.data() + text.size(), std::abs(value),
                                        std::chars_format::scientific);
    char* const mark = std::find(text.data(), end, 'e');
    int exponent = 0;
    std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
    std::string_view digits(text.data(), static_cast<std::size_t>(mark - text.data()));
    if (digits.size() > 1) {
        // Remove the point: only the digits are formatted again.
        text[1] = text[0];
        digits.remove_prefix(1);
    }
    append_digits(digits, exponent + 1, out);
}

}  // namespace

NumberToken scan_number(const char* from, const char* end) {
    constexpr NumberToken kNone{nullptr, false};
    if (from != end && *from == '-') {
        ++from;
    }
    if (from == end || !is_digit(*from)) {
        return kNone;
    }
    from = *from == '0' ? from + 1 : skip_digits(from, end);
    bool integral = true;
    if (from != end && *from == '.') {
        const char* digits = from + 1;
        from = skip_digits(digits, end);
        integral = false;
        if (from == digits) {
            return kNone;
        }
    }
    if (from != end && (*from == 'e' || *from == 'E')) {
        const char* digits = from + 1;
        if (digits != end && (*digits == '+' || *digits == '-')) {
            ++digits;
        }
        from = skip_digits(digits, end);
        integral = false;
        if (from == digits) {
            return kNone;
        }
    }
    return {from, integral};
}

double read_double(std::string_view token) {
    double value = 0;
    const auto [_, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error == std::errc::result_out_of_range) {
        const double magnitude =
            is_too_large(token) ? std::numeric_limits<double>::infinity() : 0.0;
        value = std::copysign(magnitude, token.front() == '-' ? -1.0 : 1.0);
    }
    return value;
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
    const Scaled left = scaled(a);
    const Scaled right = scaled(b);
    const auto sign_of = [](std::string_view token, const Scaled& number) {
        if (number.digits.empty()) return 0;
        return token.starts_with('-') ? -1 : 1;
    };
    const int sign = sign_of(a, left);
    if (sign != sign_of(b, right)) return sign <=> sign_of(b, right);
    return sign > 0 ? compare_magnitudes(left, right) : compare_magnitudes(right, left);
}

void append_integer(std::string_view token, std::string& out) {
    out.append(token == "-0" ? "0" : token);
}

void append_float(std::string_view token, std::string& out) {
    const std::size_t sign = token.starts_with('-') ? 1 : 0;
    const std::optional<Decimal> number = read_short(token.substr(sign));
    if (!number) {
        append_double(read_double(token), out);
        return;
    }
    // Two different numbers of 15 digits are never the same double, so these are its shortest
    // digits.
    out.append(token.substr(0, sign));
    if (number->count == 0) {
        out.append("0.0");
    } else {
        append_digits({number->digits.data(), number->count}, number->point, out);
    }
}

}  // namespace incm::json
