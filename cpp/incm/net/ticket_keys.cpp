#include "incm/net/ticket_keys.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "incm/base/clock.h"
#include "incm/base/result.h"

namespace incm::net {

namespace {

constexpr std::int64_t kTicketMs = kTicketSeconds * 1000;

TicketKey random_key() {
    TicketKey key;
    if (::RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
        ::RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1 ||
        ::RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1) {
        throw base::Failure({base::ErrorCode::kBadConfig, "TLS: there are no random numbers"});
    }
    return key;
}

void forget(TicketKey& key) {
    ::OPENSSL_cleanse(&key, sizeof key);
}

void free_keys(void* /*context*/, void* held, CRYPTO_EX_DATA* /*data*/, int /*index*/,
               long /*number*/, void* /*argument*/) {
    delete static_cast<std::shared_ptr<TicketKeys>*>(held);
}

int keys_index() {
    static const int index = ::SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_keys);
    return index;
}

bool set_up(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
            bool making) {
    std::string digest = "SHA256";
    std::array<unsigned char, sizeof key.mac> secret = key.mac;
    const std::array<OSSL_PARAM, 3> parameters = {
        ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.data(), secret.size()),
        ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        ::OSSL_PARAM_construct_end()};
    const bool ready = ::EVP_CipherInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, key.cipher.data(),
                                           iv, making ? 1 : 0) == 1 &&
                       ::EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
    ::OPENSSL_cleanse(secret.data(), secret.size());
    return ready;
}

/// Answer OpenSSL's question for the key of a ticket: -1: failed; 0: unknown; 1: ready; 2: ready,
/// and the client gets a new ticket.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int making) {
    try {
        TicketKeys& keys = *ticket_keys_of(::SSL_get_SSL_CTX(ssl));
        const std::int64_t now_ms = base::steady_ms();
        TicketKey current = keys.current(now_ms);
        std::optional<TicketKey> key = making ? current : keys.find(name, now_ms);
        const bool is_current = key && key->name == current.name;
        forget(current);
        if (!key) return 0;
        if (making) {
            std::ranges::copy(key->name, name);
            if (::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(::EVP_aes_256_cbc())) != 1) return -1;
        }
        const bool ready = set_up(*key, iv, cipher, mac, making != 0);
        forget(*key);
        return !ready ? -1 : is_current ? 1 : 2;
    } catch (const std::exception&) {
        return -1;
    }
}

}  // namespace

TicketKeys::TicketKeys(std::int64_t now_ms) : made_at_ms_(now_ms), current_(random_key()) {}

TicketKeys::~TicketKeys() {
    forget(current_);
    if (before_) forget(*before_);
}

void TicketKeys::renew(std::int64_t now_ms) {
    const std::int64_t age_ms = now_ms - made_at_ms_;
    if (age_ms < kTicketMs) return;
    TicketKey next = random_key();
    if (before_) forget(*before_);
    before_.reset();
    if (age_ms < 2 * kTicketMs) before_ = current_;
    current_ = next;
    forget(next);
    made_at_ms_ = now_ms;
}

TicketKey TicketKeys::current(std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    renew(now_ms);
    return current_;
}

std::optional<TicketKey> TicketKeys::find(const unsigned char* name, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    renew(now_ms);
    const auto named = [&](const TicketKey& key) {
        return std::equal(key.name.begin(), key.name.end(), name);
    };
    if (named(current_)) return current_;
    if (before_ && named(*before_)) return before_;
    return std::nullopt;
}

void use_ticket_keys(SSL_CTX* context, std::shared_ptr<TicketKeys> keys) {
    auto held = std::make_unique<std::shared_ptr<TicketKeys>>(std::move(keys));
    if (::SSL_CTX_set_ex_data(context, keys_index(), held.get()) != 1) {
        throw base::Failure({base::ErrorCode::kBadConfig, "TLS: there is no memory"});
    }
    static_cast<void>(held.release());  // owned by the context now
    ::SSL_CTX_set_timeout(context, kTicketSeconds);
    ::SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

std::shared_ptr<TicketKeys> ticket_keys_of(const SSL_CTX* context) {
    return *static_cast<std::shared_ptr<TicketKeys>*>(::SSL_CTX_get_ex_data(context, keys_index()));
}

}  // namespace incm::net
