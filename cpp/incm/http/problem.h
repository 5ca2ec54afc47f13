#pragma once

#include <string>
#include <string_view>

#include "incm/base/result.h"

namespace incm::http {

/// How an error looks to a client. The one place that maps an ErrorCode to HTTP.
struct Problem {
    int status;
    std::string_view slug;   ///< last part of the `type` URN; never changes
    std::string_view title;  ///< a short sentence that is the same for every occurrence
};

/// Look the problem up; codes that no request can cause are 500.
[[nodiscard]] Problem problem_for(base::ErrorCode code);

inline constexpr std::string_view kProblemType = "application/problem+json";

/// Add what an answer with the error says in its head, beside what every answer says.
void add_problem_fields(std::string& fields, const base::Error& error);

/// Whether a problem document says the error's text: not for 5xx to clients, whose business it may
/// not be.
enum class Detail { kForClients, kAlways };

/// The problem document (RFC 9457) of an error, as JSON text.
///
/// Shape:   {"type": "urn:incm-webhook:problem:SLUG", "title", "status", "detail"}; detail as the
///          argument wants it.
/// Source:  docs/http-api.md, Problem documents.
[[nodiscard]] std::string problem_json(const base::Error& error,
                                       Detail detail = Detail::kForClients);

/// A whole answer of HTTP/1.1 with the problem document, after which the connection ends.
/// head_only: without the document, as HEAD wants it.
[[nodiscard]] std::string refusal_text(const base::Error& error, bool head_only);

}  // namespace incm::http
