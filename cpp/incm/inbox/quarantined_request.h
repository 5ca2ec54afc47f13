#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/bytes.h"

namespace incm::inbox {

/// Why a request is in the quarantine.
enum class QuarantineKind {
    kNotJson,           ///< authentic, but no alert can be read out of it
    kWrongSignature,    ///< its signature fits no secret
    kMissingSignature,  ///< it has no signature
    kUnknownPath,       ///< it has a signature, but no endpoint has its path
    kWrongMethod,       ///< it has a signature, but its method is not POST
};

/// The names of the kinds, in the order of QuarantineKind.
inline constexpr std::array<std::string_view, 5> kQuarantineKinds = {
    "not-json", "wrong-signature", "missing-signature", "unknown-path", "wrong-method"};

[[nodiscard]] constexpr std::string_view kind_name(QuarantineKind kind) noexcept {
    return kQuarantineKinds[static_cast<std::size_t>(kind)];
}
[[nodiscard]] std::optional<QuarantineKind> kind_named(std::string_view name) noexcept;

/// A refused request that is kept, so that a mistake loses no alert.
struct QuarantinedRequest {
    std::int64_t received_at_ms = 0;  ///< wall clock, for display
    std::string endpoint;             ///< path; for kUnknownPath the requested path
    std::string reason;               ///< a short sentence
    std::string body;
    QuarantineKind kind = QuarantineKind::kNotJson;
    std::string peer;                      ///< address; "" when unknown
    std::string source;                    ///< the sender whose share of the quarantine it uses
    std::optional<std::string> signature;  ///< value of X-Signature, cut to kMaxSignatureBytes
    std::string content_type;              ///< cut to kMaxContentTypeBytes
    /// Equal for identical requests, of which only the first is kept; empty: always kept.
    std::optional<base::Digest> identity;
    /// Number of a row that is deleted in the same transaction; 0: none.
    std::int64_t replaces = 0;
};

/// Bounds of the authentic requests; over them, the oldest are deleted.
inline constexpr std::int64_t kMaxRejected = 1000;
inline constexpr std::int64_t kMaxRejectedBytes = 64LL * 1024 * 1024;
/// Bounds of all other requests, which have no effect on the authentic ones. Over them, the oldest
/// request of a source that has more than its share is deleted first, then the oldest of all.
inline constexpr std::int64_t kMaxHostile = 1000;
inline constexpr std::int64_t kMaxHostileBytes = 16LL * 1024 * 1024;
inline constexpr std::int64_t kSharesOfHostile = 10;

inline constexpr std::size_t kMaxSignatureBytes = 512;
inline constexpr std::size_t kMaxContentTypeBytes = 256;

/// How many are kept, by kind.
struct Quarantined {
    std::array<std::int64_t, kQuarantineKinds.size()> by_kind{};

    [[nodiscard]] std::int64_t& operator[](QuarantineKind kind) {
        return by_kind[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] std::int64_t operator[](QuarantineKind kind) const {
        return by_kind[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] std::int64_t total() const { return std::reduce(by_kind.begin(), by_kind.end()); }
};

/// A request in the quarantine.
struct StoredRejected {
    std::int64_t id = 0;  ///< never used for another request
    std::int64_t body_bytes = 0;
    QuarantinedRequest request;  ///< without a body unless it was requested; never with an identity
};

/// Selects quarantined requests. A request must meet every condition that is given.
struct RejectedQuery {
    std::optional<QuarantineKind> kind;
    std::optional<std::string> endpoint;
    /// Received at this time or later, wall clock.
    std::int64_t since_ms = std::numeric_limits<std::int64_t>::min();
    std::int64_t after = 0;  ///< only numbers above this one
    /// Only numbers below this one.
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    bool descending = false;
    bool with_body = false;
    std::size_t limit = 100;
};

/// Some of the requests. There may be more after the number `next` (descending: below it).
struct RejectedPage {
    std::vector<StoredRejected> found;
    std::optional<std::int64_t> next;
};

}  // namespace incm::inbox
