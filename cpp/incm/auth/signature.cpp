#include "incm/auth/signature.h"

#include <mutex>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "incm/base/canonical_json.h"
#include "incm/base/result.h"

namespace incm::auth {
namespace {

using base::Digest;

struct MacFree {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};
struct MacContextFree {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
struct DigestContextFree {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, MacContextFree>;

/// OpenSSL fails here only when it is out of memory or has no SHA-256 (a broken set-up).
void require(bool done, const char* what) {
    if (!done) {
        throw base::Failure({base::ErrorCode::kInternal, std::string("OpenSSL: no ") + what});
    }
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

MacContext make_keyed_context(const base::Secret& secret) {
    const std::string& key = secret.reveal();
    if (key.empty()) {
        throw base::Failure({base::ErrorCode::kBadConfig, "a secret is empty"});
    }
    const std::unique_ptr<EVP_MAC, MacFree> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    require(mac != nullptr, "HMAC");
    MacContext context(EVP_MAC_CTX_new(mac.get()));
    require(context != nullptr, "HMAC context");
    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    require(EVP_MAC_init(context.get(), bytes_of(key), key.size(), parameters) == 1, "HMAC-SHA256");
    return context;
}

Digest finish_tag(EVP_MAC_CTX* context, std::string_view text) {
    Digest tag{};
    std::size_t size = 0;
    require(EVP_MAC_update(context, bytes_of(text), text.size()) == 1 &&
                EVP_MAC_final(context, tag.data(), &size, tag.size()) == 1 && size == tag.size(),
            "HMAC-SHA256 tag");
    return tag;
}

/// Looking an algorithm up costs more than hashing an alert, so it is done once, and never undone:
/// threads may still hash while the process exits.
const EVP_MD* sha256() {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    require(algorithm != nullptr, "SHA-256");
    return algorithm;
}

}  // namespace

/// Contexts that hold one secret's key schedule; keying one anew costs more than signing an alert.
class Verifier::KeyedMac {
 public:
    explicit KeyedMac(const base::Secret& secret) : keyed_(make_keyed_context(secret)) {}

    Digest tag(std::string_view text) {
        MacContext context = borrow();
        // Without a key, init goes back to the state behind the key.
        require(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1, "HMAC restart");
        const Digest result = finish_tag(context.get(), text);
        give_back(std::move(context));
        return result;
    }

 private:
    MacContext borrow() {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) {
            MacContext copy(EVP_MAC_CTX_dup(keyed_.get()));
            require(copy != nullptr, "HMAC copy");
            return copy;
        }
        MacContext context = std::move(idle_.back());
        idle_.pop_back();
        return context;
    }

    void give_back(MacContext context) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(context));
    }

    const MacContext keyed_;  // never used itself, only copied
    std::mutex mutex_;
    std::vector<MacContext> idle_;  // as many as there ever were calls at once
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
    if (fits(body)) {
        return verdict;
    }
    base::Result<std::string> canonical = base::canonical_json(body);
    // A body that is canonical already has just been tried.
    if (!canonical || canonical.value() == body || !fits(canonical.value())) {
        verdict.refusal = Refusal::kMismatch;
        return verdict;
    }
    verdict.form = SignedForm::kCanonical;
    verdict.canonical = std::move(canonical).value();
    return verdict;
}

std::string sign(std::string_view body, const base::Secret& secret) {
    return base::base64_encode(finish_tag(make_keyed_context(secret).get(), body));
}

Digest digest_parts(const std::vector<std::string_view>& parts) {
    const std::unique_ptr<EVP_MD_CTX, DigestContextFree> context(EVP_MD_CTX_new());
    require(context && EVP_DigestInit_ex2(context.get(), sha256(), nullptr) == 1, "SHA-256");
    for (const std::string_view part : parts) {
        std::array<unsigned char, 8> length{};
        for (std::size_t i = 0; i < length.size(); ++i) {
            length[i] = static_cast<unsigned char>(std::uint64_t{part.size()} >> (8 * i));
        }
        require(EVP_DigestUpdate(context.get(), length.data(), length.size()) == 1 &&
                    EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1,
                "SHA-256");
    }
    Digest digest{};
    require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1, "SHA-256");
    return digest;
}

}  // namespace incm::auth
