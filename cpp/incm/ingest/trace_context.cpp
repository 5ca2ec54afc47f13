#include "incm/ingest/trace_context.h"

#include <algorithm>

#include "incm/base/ascii.h"
#include "incm/base/hex.h"

namespace incm::ingest {

namespace {

constexpr std::size_t kVersionDigits = 2;
constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr std::size_t kFlagDigits = 2;
constexpr unsigned kSampled = 1;

bool is_hex(std::string_view text) {
    return text.find_first_not_of(base::kHexDigits) == std::string_view::npos;
}

bool is_id(std::string_view text) {
    return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

/// Remove so many digits, and the hyphen that must be behind them unless the text ends there;
/// empty when they are not there.
std::string_view take_digits(std::string_view& text, std::size_t digits) {
    if (text.size() < digits || (text.size() > digits && text[digits] != '-')) return {};
    const std::string_view taken = text.substr(0, digits);
    text.remove_prefix(std::min(text.size(), digits + 1));
    return taken;
}

bool may_be_kept(std::string_view state) {
    return state.size() <= TraceContext::kMaxState &&
           std::all_of(state.begin(), state.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view traceparent,
                                                std::string_view tracestate) {
    constexpr std::size_t kLength =
        kVersionDigits + 1 + kTraceDigits + 1 + kSpanDigits + 1 + kFlagDigits;
    if (traceparent.size() < kLength) return std::nullopt;
    const bool is_longer = traceparent.size() > kLength;
    const std::string_view version = take_digits(traceparent, kVersionDigits);
    const std::string_view trace_id = take_digits(traceparent, kTraceDigits);
    const std::string_view span_id = take_digits(traceparent, kSpanDigits);
    const std::string_view flags = take_digits(traceparent, kFlagDigits);
    if (version.empty() || !is_hex(version) || version == "ff") return std::nullopt;
    if (version == "00" && is_longer) return std::nullopt;
    if (!is_id(trace_id) || !is_id(span_id) || flags.empty() || !is_hex(flags)) {
        return std::nullopt;
    }
    const auto low = static_cast<unsigned>(base::hex_value(flags.back()).value_or(0));
    return TraceContext{.trace_id = std::string(trace_id),
                        .span_id = std::string(span_id),
                        .sampled = (low & kSampled) != 0,
                        .state = std::string(may_be_kept(tracestate) ? tracestate : "")};
}

std::string TraceContext::text() const {
    std::string text = "00-";
    text.append(trace_id).append("-").append(span_id).append(sampled ? "-01" : "-00");
    if (!state.empty()) text.append(" ").append(state);
    return text;
}

}  // namespace incm::ingest
