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

/// The text that the signature fits.
enum class SignedForm { kRaw, kCanonical };

/// The reason why a signature was refused; kNone when it was accepted.
enum class Refusal { kNone, kMissing, kMalformed, kMismatch };

/// The outcome of a verification.
struct Verdict {
    Refusal refusal = Refusal::kNone;
    SignedForm form = SignedForm::kRaw;  ///< meaningful when ok()
    std::size_t secret_index = 0;        ///< of the secret that fits; meaningful when ok()
    std::string canonical = {};          ///< the verified text when form is kCanonical, else empty

    [[nodiscard]] bool ok() const noexcept { return refusal == Refusal::kNone; }
    /// Return the verified text: the body or the canonical text. Only this text may be used from
    /// here on.
    [[nodiscard]] std::string_view text(std::string_view body) const noexcept {
        return form == SignedForm::kRaw ? body : std::string_view(canonical);
    }
};

/// Verifies X-Signature against a fixed set of secrets.
///
/// Shape:   made from 1..n secrets, in the order in which they are tried.
/// Threads: verify() may be called from any number of threads at once (no lock; the calls share a
///          note of the form that fitted last).
/// Source:  docs/protocol.md, The signature.
class Verifier {
 public:
    /// Errors: Failure(kBadConfig) when there is no secret or one of them is empty.
    explicit Verifier(const std::vector<base::Secret>& secrets);
    Verifier(const Verifier&) = delete;
    Verifier& operator=(const Verifier&) = delete;
    ~Verifier();

    /// Check a signature against the raw body and against the canonical text, each with every
    /// secret. The raw body comes first, unless the last signature that fitted was of a canonical
    /// text.
    ///
    /// Shape:   body as received; signature = the value of X-Signature, or empty when the request
    ///          has none -> Verdict. A signature that is not strict Base64 of 32 bytes is
    ///          kMalformed.
    /// Errors:  none; a body without a canonical form can only match as raw.
    /// Threads: any. Tags are compared in constant time.
    [[nodiscard]] Verdict verify(std::string_view body,
                                 std::optional<std::string_view> signature) const;

 private:
    friend std::string sign(std::string_view body, const base::Secret& secret);
    class KeyedMac;
    std::vector<std::unique_ptr<KeyedMac>> macs_;
    mutable std::atomic<bool> canonical_fitted_{false};  // a hint for the next call
};

/// Sign a body the way the sender signs raw bytes: Base64 of HMAC-SHA256.
///
/// Shape:   any bytes, a secret of at least one byte -> 44 characters.
/// Errors:  Failure(kBadConfig) when the secret is empty.
/// Threads: any.
[[nodiscard]] std::string sign(std::string_view body, const base::Secret& secret);

/// Compute the SHA-256 of several parts, each preceded by its length (8 bytes, little endian), so
/// that no two lists of parts collide.
/// Threads: any.
/// Source:  own choice.
[[nodiscard]] base::Digest digest_parts(const std::vector<std::string_view>& parts);

}  // namespace incm::auth
