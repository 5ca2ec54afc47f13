#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// The result of trying one request again.
struct Retried {
    std::int64_t id;
    std::optional<base::Result<inbox::Stored>> outcome;  ///< empty: no request has this number
};

/// The answers of the QuarantineApi, as JSON texts.
///
/// Shape:   see docs/http-api.md. Everything that a client sent is written in printable ASCII, the
///          rest escaped, except for the body: that is a text, or Base64 when it is not UTF-8.
/// Threads: any.
[[nodiscard]] std::string quarantine_json(const inbox::RejectedPage& page);
[[nodiscard]] std::string rejected_json(const inbox::StoredRejected& stored);
[[nodiscard]] std::string retried_json(const std::vector<Retried>& results,
                                       std::optional<std::int64_t> next);
[[nodiscard]] std::string dropped_json(std::int64_t dropped, std::optional<std::int64_t> next);

}  // namespace incm::admin
