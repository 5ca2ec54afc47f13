#include "incm/auth/signature.h"

#include <algorithm>

// SHA256_CTX is deprecated in favour of EVP contexts. Copying those needs an allocation and a
// counter that all threads share: with two threads, verification took two thirds longer.
#define OPENSSL_API_COMPAT 10100
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "incm/base/result.h"
#include "incm/json/canonical.h"

namespace incm::auth {
namespace {

using base::Digest;

/// A SHA-256 in progress; a copy continues independently.
class Sha256 {
 public:
    Sha256() { SHA256_Init(&state_); }

    void update(const void* bytes, std::size_t size) { SHA256_Update(&state_, bytes, size); }
    [[nodiscard]] Digest finish() {
        Digest digest{};
        SHA256_Final(digest.data(), &state_);
        return digest;
    }

 private:
    SHA256_CTX state_{};
};

}  // namespace

/// HMAC-SHA256 (RFC 2104) with one secret. It keeps the two hash states after the padded key, so
/// that a tag costs the hash of its text and one block.
class Verifier::KeyedMac {
 public:
    explicit KeyedMac(const base::Secret& secret) {
        const std::string& key = secret.reveal();
        if (key.empty()) {
            throw base::Failure({base::ErrorCode::kBadConfig, "a secret is empty"});
        }
        Block block{};
        if (key.size() > block.size()) {
            Sha256 hash;
            hash.update(key.data(), key.size());
            std::ranges::copy(hash.finish(), block.begin());
        } else {
            std::ranges::copy(key, block.begin());
        }
        absorb(block, 0x36, inner_);
        absorb(block, 0x5c, outer_);
        OPENSSL_cleanse(block.data(), block.size());
    }
    KeyedMac(const KeyedMac&) = delete;
    KeyedMac& operator=(const KeyedMac&) = delete;
    ~KeyedMac() {
        OPENSSL_cleanse(&inner_, sizeof inner_);
        OPENSSL_cleanse(&outer_, sizeof outer_);
    }

    [[nodiscard]] Digest tag(std::string_view text) const {
        Sha256 inner = inner_;
        inner.update(text.data(), text.size());
        const Digest digest = inner.finish();
        Sha256 outer = outer_;
        outer.update(digest.data(), digest.size());
        return outer.finish();
    }

 private:
    using Block = std::array<unsigned char, SHA256_CBLOCK>;

    static void absorb(Block block, unsigned char pad, Sha256& hash) {
        for (unsigned char& byte : block) byte ^= pad;
        hash.update(block.data(), block.size());
        OPENSSL_cleanse(block.data(), block.size());
    }

    Sha256 inner_;
    Sha256 outer_;
};

Verifier::Verifier(const std::vector<base::Secret>& secrets) {
    if (secrets.empty()) {
        throw base::Failure({base::ErrorCode::kBadConfig, "there is no secret to verify with"});
    }
    macs_.reserve(secrets.size());
    for (const base::Secret& secret : secrets) {
        macs_.push_back(std::make_unique<KeyedMac>(secret));
    }
}

Verifier::~Verifier() = default;

Verdict Verifier::verify(std::string_view body, std::optional<std::string_view> signature) const {
    Verdict verdict;
    if (!signature) {
        verdict.refusal = Refusal::kMissing;
        return verdict;
    }
    const std::optional<Digest> expected = base::base64_decode_digest(*signature);
    if (!expected) {
        verdict.refusal = Refusal::kMalformed;
        return verdict;
    }
    const auto fits = [&](std::string_view text) {
        for (std::size_t i = 0; i < macs_.size(); ++i) {
            const Digest tag = macs_[i]->tag(text);
            if (CRYPTO_memcmp(tag.data(), expected->data(), tag.size()) == 0) {
                verdict.secret_index = i;
                return true;
            }
        }
        return false;
    };
    // A sender signs one form, so starting with the form that fitted last saves an HMAC for each
    // alert. No tag fits both texts, so the order does not change the verdict.
    const bool canonical_first = canonical_fitted_.load(std::memory_order_relaxed);
    if (!canonical_first && fits(body)) {
        return verdict;
    }
    base::Result<std::string> canonical = json::canonical_json(body);
    // A body that is already canonical is tried only once.
    if (canonical && canonical.value() != body && fits(canonical.value())) {
        if (!canonical_first) {  // a store would take the cache line from every other thread
            canonical_fitted_.store(true, std::memory_order_relaxed);
        }
        verdict.form = SignedForm::kCanonical;
        verdict.canonical = std::move(canonical).value();
        return verdict;
    }
    if (canonical_first && fits(body)) {
        canonical_fitted_.store(false, std::memory_order_relaxed);
        return verdict;
    }
    verdict.refusal = Refusal::kMismatch;
    return verdict;
}

std::string sign(std::string_view body, const base::Secret& secret) {
    return base::base64_encode(Verifier::KeyedMac(secret).tag(body));
}

Digest digest_parts(const std::vector<std::string_view>& parts) {
    Sha256 hash;
    for (const std::string_view part : parts) {
        std::array<unsigned char, 8> length{};
        for (std::size_t i = 0; i < length.size(); ++i) {
            length[i] = static_cast<unsigned char>(std::uint64_t{part.size()} >> (8 * i));
        }
        hash.update(length.data(), length.size());
        hash.update(part.data(), part.size());
    }
    return hash.finish();
}

}  // namespace incm::auth
