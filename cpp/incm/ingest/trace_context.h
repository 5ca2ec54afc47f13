#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace incm::ingest {

/// A span of a distributed trace, which others continue.
///
/// Threads: any.
/// Source:  W3C Trace Context, level 1.
struct TraceContext {
    std::string trace_id;  ///< 32 hexadecimal digits in lower case, not all 0
    std::string span_id;   ///< 16 of them, not all 0
    bool sampled = false;  ///< whether its spans are recorded
    std::string state;     ///< value of tracestate; may be empty

    /// The longest tracestate that is kept, in bytes.
    static constexpr std::size_t kMaxState = 512;

    /// Parse the values of traceparent and tracestate; several fields with one name are joined by
    /// commas.
    ///
    /// Shape:   of a version above 00, what that version has in the same places. A tracestate that
    ///          is too long, or has other bytes than printable ASCII, is left out.
    /// Returns: empty when there is no traceparent, two of them, or one that the standard forbids:
    ///          such a field is ignored.
    [[nodiscard]] static std::optional<TraceContext> parse(std::string_view traceparent,
                                                           std::string_view tracestate);

    /// Return it as a traceparent of version 00, then a blank and the tracestate if it has one.
    [[nodiscard]] std::string text() const;
};

}  // namespace incm::ingest
