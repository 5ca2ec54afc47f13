#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "incm/base/result.h"

namespace incm::model {

/// The kind of a value in JSON that contains no other value.
enum class ValueKind { kText, kNumber, kBoolean };

/// What a value of an alert must be: a text with wildcards, a number, numbers in a range, or a
/// boolean.
///
/// Shape:   a text with `*` and `?` matches texts, numbers as they are written, and `true` and
///          `false`; case matters. Numbers match numbers, and texts that are a JSON number, by
///          their exact value. A boolean matches booleans, and the texts `true` and `false` in any
///          case.
/// Threads: immutable value.
/// Source:  docs/configuration.md, Filters by any field.
class ValuePattern {
 public:
    /// Read a pattern from the text of a configuration: `<`, `<=`, `>`, `>=`, `!=` or `=` before a
    /// number, `LOW..HIGH` (with both ends), and anything else as a text with wildcards.
    /// Errors:  kBadConfig for an empty text, a comparison without a number, and a range that
    ///          lacks an end or whose ends are exchanged; the text says what was expected.
    [[nodiscard]] static base::Result<ValuePattern> parse(std::string_view text);
    /// Make the pattern of exactly this number.
    /// Errors:  kBadConfig when the token is not a JSON number.
    [[nodiscard]] static base::Result<ValuePattern> number(std::string_view token);
    [[nodiscard]] static ValuePattern boolean(bool value) { return ValuePattern(value); }

    /// Return whether a value matches.
    ///
    /// Shape:   text: the characters of a text without quotes and escapes, a number as it is
    ///          written, `true` or `false`.
    [[nodiscard]] bool matches(ValueKind kind, std::string_view text) const;

 private:
    enum class Operator { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
    struct Glob {
        std::string pattern;
    };
    struct Comparison {
        Operator how;
        std::string number;
        [[nodiscard]] bool matches(std::string_view value) const;
    };
    struct Range {
        Comparison low;
        Comparison high;
    };
    struct Prefix {
        std::string_view text;
        Operator how;
    };
    using Form = std::variant<Glob, bool, Comparison, Range>;

    static const Prefix kPrefixes[];  // a longer one before the one that it begins with

    explicit ValuePattern(Form form) : form_(std::move(form)) {}
    [[nodiscard]] static base::Result<ValuePattern> parse_range(std::string_view text,
                                                                std::size_t dots);

    Form form_;
};

}  // namespace incm::model
