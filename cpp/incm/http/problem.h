#pragma once

#include <string>
#include <string_view>

#include "incm/base/result.h"

namespace incm::http {

/// How an error is presented to a client. problem_for() is the only place that maps an ErrorCode to
/// HTTP.
struct Problem {
    int status;
    std::string_view slug;   ///< last part of the `type` URN; never changes
    std::string_view title;  ///< a short sentence that is the same for every occurrence
};

/// Return the problem of an error. Codes that no request can cause are 500.
[[nodiscard]] Problem problem_for(base::ErrorCode code);

inline constexpr std::string_view kProblemType = "application/problem+json";

/// Append the header fields that an answer with this error has besides the usual ones.
void add_problem_fields(std::string& fields, const base::Error& error);

/// Whether a problem document contains the text of the error. kForClients leaves it out of 5xx
/// answers, because it may tell clients about the inside of the server.
enum class Detail { kForClients, kAlways };

/// Return the problem document (RFC 9457) of an error, as JSON text.
///
/// Shape:   {"type": "urn:incm-webhook:problem:SLUG", "title", "status", "detail"}; `detail` only
///          as the argument allows.
/// Source:  docs/http-api.md, Problem documents.
[[nodiscard]] std::string problem_json(const base::Error& error,
                                       Detail detail = Detail::kForClients);

/// Return a complete HTTP/1.1 answer with the problem document, after which the connection ends.
/// head_only: without the document, for HEAD.
[[nodiscard]] std::string refusal_text(const base::Error& error, bool head_only);

}  // namespace incm::http
