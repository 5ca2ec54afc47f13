#include "incm/model/value_pattern.h"

#include <compare>
#include <utility>

#include "incm/base/ascii.h"
#include "incm/json/number.h"
#include "incm/model/glob.h"

namespace incm::model {

namespace {

base::Error bad(std::string text) {
    return {base::ErrorCode::kBadConfig, std::move(text)};
}

std::string quoted(std::string_view text) {
    return std::string("\"").append(text).append("\"");
}

bool is_number(std::string_view text) {
    const char* const end = text.data() + text.size();
    return !text.empty() && json::scan_number(text.data(), end).end == end;
}

}  // namespace

const ValuePattern::Prefix ValuePattern::kPrefixes[] = {
    {"<=", Operator::kLessOrEqual}, {">=", Operator::kGreaterOrEqual},
    {"!=", Operator::kNotEqual},    {"==", Operator::kEqual},
    {"<", Operator::kLess},         {">", Operator::kGreater},
    {"=", Operator::kEqual},
};

base::Result<ValuePattern> ValuePattern::parse(std::string_view text) {
    if (text.empty()) return bad("a pattern must not be empty");
    for (const Prefix& prefix : kPrefixes) {
        if (!text.starts_with(prefix.text)) continue;
        const std::string_view number = base::trimmed(text.substr(prefix.text.size()));
        if (!is_number(number)) {
            return bad(quoted(text) + " wants a number after " + quoted(prefix.text) +
                       (prefix.how == Operator::kNotEqual
                            ? "; patterns that must not match belong in not = { where = { ... } }"
                            : "; in a pattern for a text write ? in place of the first character"));
        }
        return ValuePattern(Comparison{prefix.how, std::string(number)});
    }
    const std::size_t dots = text.find("..");
    if (dots != std::string_view::npos) return parse_range(text, dots);
    return ValuePattern(Glob{std::string(text)});
}

base::Result<ValuePattern> ValuePattern::parse_range(std::string_view text, std::size_t dots) {
    const std::string_view low = base::trimmed(text.substr(0, dots));
    const std::string_view high = base::trimmed(text.substr(dots + 2));
    if (!is_number(low) && !is_number(high)) return ValuePattern(Glob{std::string(text)});
    if (!is_number(low) || !is_number(high)) {
        return bad(quoted(text) +
                   " wants a number on both sides of the dots, as in \"1..3\"; for "
                   "one side write \">= 1\" or \"<= 3\"");
    }
    if (std::is_gt(json::compare_numbers(low, high))) {
        return bad(quoted(text) + " wants the smaller number first");
    }
    return ValuePattern(Range{{Operator::kGreaterOrEqual, std::string(low)},
                              {Operator::kLessOrEqual, std::string(high)}});
}

base::Result<ValuePattern> ValuePattern::number(std::string_view token) {
    if (!is_number(token)) return bad(quoted(token) + " is not a number that JSON can have");
    return ValuePattern(Comparison{Operator::kEqual, std::string(token)});
}

bool ValuePattern::Comparison::matches(std::string_view value) const {
    const std::strong_ordering order = json::compare_numbers(value, number);
    switch (how) {
        case Operator::kEqual:
            return std::is_eq(order);
        case Operator::kNotEqual:
            return std::is_neq(order);
        case Operator::kLess:
            return std::is_lt(order);
        case Operator::kLessOrEqual:
            return std::is_lteq(order);
        case Operator::kGreater:
            return std::is_gt(order);
        case Operator::kGreaterOrEqual:
            return std::is_gteq(order);
    }
    return false;
}

bool ValuePattern::matches(ValueKind kind, std::string_view text) const {
    if (const auto* glob = std::get_if<Glob>(&form_)) return glob_match(glob->pattern, text);
    if (const auto* flag = std::get_if<bool>(&form_)) {
        return kind != ValueKind::kNumber &&
               base::equals_ignoring_case(text, *flag ? "true" : "false");
    }
    if (kind == ValueKind::kBoolean || (kind == ValueKind::kText && !is_number(text))) return false;
    if (const auto* one = std::get_if<Comparison>(&form_)) return one->matches(text);
    const auto& range = std::get<Range>(form_);
    return range.low.matches(text) && range.high.matches(text);
}

}  // namespace incm::model
