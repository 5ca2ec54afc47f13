#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/base/secret.h"

namespace incm::auth {

/// Which text the signature fitted.
enum class SignedForm { kRaw, kCanonical };

/// Why a signature was refused; kNone when it was not.
enum class Refusal { kNone, kMissing, kMalformed, kMismatch };

/// The outcome of a verification.
struct Verdict {
    Refusal refusal = Refusal::kNone;
    SignedForm form = SignedForm::kRaw;  ///< meaningful when ok()
    std::size_t secret_index = 0;        ///< which secret fitted; meaningful when ok()
    std::string canonical = {};          ///< the verified text when form is kCanonical, else empty

    [[nodiscard]] bool ok() const noexcept { return refusal == Refusal::kNone; }
    /// The text that verified and that alone may be used from here on: body or canonical.
    [[nodiscard]] std::string_view text(std::string_view body) const noexcept {
        return form == SignedForm::kRaw ? body : std::string_view(canonical);
    }
};

/// Verifies X-Signature against a fixed set of secrets.
///
/// Shape:   constructed with 1..n secrets, in the order in which they are tried.
/// Threads: verify() may be called from any number of threads at once (no lock; they share which
///          form fitted last).
/// Source:  docs/protocol.md, The signature.
class Verifier {
 public:
    /// Errors: Failure(kBadConfig) when there is no secret or one of them is empty.
    explicit Verifier(const std::vector<base::Secret>& secrets);
    Verifier(const Verifier&) = delete;
    Verifier& operator=(const Verifier&) = delete;
    ~Verifier();

    /// Check a signature against the raw body with every secret and the canonical text with every
    /// secret: the raw body first, unless the last signature that fitted was of a canonical text.
    ///
    /// Shape:   body as received; signature = the value of X-Signature, or empty when the request
    /// has none
    ///          -> Verdict. A signature that is not strict Base64 of 32 bytes is kMalformed.
    /// Errors:  none; a body without canonical form can match raw only.
    /// Threads: any. Tags are compared in constant time.
    [[nodiscard]] Verdict verify(std::string_view body,
                                 std::optional<std::string_view> signature) const;

 private:
    friend std::string sign(std::string_view body, const base::Secret& secret);
    class KeyedMac;
    std::vector<std::unique_ptr<KeyedMac>> macs_;
    mutable std::atomic<bool> canonical_fitted_{false};  // a hint for the next call
};

/// Sign a body as the sender signs raw bytes: Base64 of HMAC-SHA256.
///
/// Shape:   any bytes, a secret of at least one byte -> 44 characters.
/// Errors:  Failure(kBadConfig) when the secret is empty.
/// Threads: any.
[[nodiscard]] std::string sign(std::string_view body, const base::Secret& secret);

/// SHA-256 over several parts, each preceded by its length (8 bytes, little endian), so that no two
/// lists of parts collide. Threads: any. Source: own choice.
[[nodiscard]] base::Digest digest_parts(const std::vector<std::string_view>& parts);

}  // namespace incm::auth
