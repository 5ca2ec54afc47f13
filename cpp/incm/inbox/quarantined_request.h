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
    kUnknownPath,       ///< it has a signature, and no endpoint has its path
    kWrongMethod,       ///< it has a signature, and its method is not POST
};

/// In the order of QuarantineKind.
inline constexpr std::array<std::string_view, 5> kQuarantineKinds = {
    "not-json", "wrong-signature", "missing-signature", "unknown-path", "wrong-method"};

[[nodiscard]] constexpr std::string_view kind_name(QuarantineKind kind) noexcept {
    return kQuarantineKinds[static_cast<std::size_t>(kind)];
}
[[nodiscard]] std::optional<QuarantineKind> kind_named(std::string_view name) noexcept;

/// A request that was refused and is kept, so that nothing is lost by a mistake.
struct QuarantinedRequest {
    std::int64_t received_at_ms = 0;  ///< wall clock, for display
    std::string endpoint;             ///< path; of kUnknownPath the one that was asked for
    std::string reason;               ///< a short sentence
    std::string body;
    QuarantineKind kind = QuarantineKind::kNotJson;
    std::string peer;                      ///< address; "" when unknown
    std::string source;                    ///< whose share of the quarantine it uses up
    std::optional<std::string> signature;  ///< value of X-Signature, cut to kMaxSignatureBytes
    std::string content_type;              ///< cut to kMaxContentTypeBytes
    /// The same for identical requests, of which the first is kept; none: kept whatever it is like.
    std::optional<base::Digest> identity;
    std::int64_t replaces = 0;  ///< number of a row that goes in the same transaction; 0: none
};

/// Bounds of the authentic ones: the oldest go.
inline constexpr std::int64_t kMaxRejected = 1000;
inline constexpr std::int64_t kMaxRejectedBytes = 64LL * 1024 * 1024;
/// Bounds of all others, which do not touch the authentic ones. A source that has more than its
/// share of this room gives its oldest first; then the oldest go, whosever they are.
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

/// One of the quarantine.
struct StoredRejected {
    std::int64_t id = 0;  ///< never that of another one
    std::int64_t body_bytes = 0;
    QuarantinedRequest request;  ///< without body when it was not asked for; never with an identity
};

/// Which ones. Everything given must fit.
struct RejectedQuery {
    std::optional<QuarantineKind> kind;
    std::optional<std::string> endpoint;
    std::int64_t since_ms =
        std::numeric_limits<std::int64_t>::min();                    ///< received since, wall clock
    std::int64_t after = 0;                                          ///< numbers above this one
    std::int64_t before = std::numeric_limits<std::int64_t>::max();  ///< numbers below this one
    bool descending = false;
    bool with_body = false;
    std::size_t limit = 100;
};

/// Some of them, and the number behind which (descending: below which) there may be more.
struct RejectedPage {
    std::vector<StoredRejected> found;
    std::optional<std::int64_t> next;
};

}  // namespace incm::inbox
