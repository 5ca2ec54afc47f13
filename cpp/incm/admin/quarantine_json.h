#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// What became of one request that was tried again.
struct Retried {
    std::int64_t id;
    std::optional<base::Result<inbox::Stored>> outcome;  ///< empty: there is none of this number
};

/// The answers of the QuarantineApi, as JSON texts.
///
/// Shape:   see docs/http-api.md. What a client sent is written with everything but printable ASCII
///          escaped, except for the body: that is a text, or Base64 when it is no UTF-8.
/// Threads: any.
[[nodiscard]] std::string quarantine_json(const inbox::RejectedPage& page);
[[nodiscard]] std::string rejected_json(const inbox::StoredRejected& stored);
[[nodiscard]] std::string retried_json(const std::vector<Retried>& results,
                                       std::optional<std::int64_t> next);
[[nodiscard]] std::string dropped_json(std::int64_t dropped, std::optional<std::int64_t> next);

}  // namespace incm::admin
