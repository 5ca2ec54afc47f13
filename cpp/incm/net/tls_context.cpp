#include "incm/net/tls_context.h"

#include <array>
#include <ctime>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "incm/base/ascii.h"
#include "incm/base/clock.h"
#include "incm/net/ticket_keys.h"
#include "incm/net/tls_transport.h"

namespace incm::net {

namespace {

using base::Error;
using base::ErrorCode;

// In TLS 1.2 only ciphers with forward secrecy and authenticated encryption. All ciphers of TLS 1.3
// are good.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::array<unsigned char, 9> kProtocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr std::array<unsigned char, 12> kSessions = {'i', 'n', 'c', 'm', '-', 'w',
                                                     'e', 'b', 'h', 'o', 'o', 'k'};
// With these groups a key exchange, which any stranger can start, costs a fraction of a
// millisecond. OpenSSL's own list has finite fields, where one ClientHello costs 140 ms. OpenSSL
// knows the hybrid since 3.5.
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr const char* kGroupsWithHybrid = "X25519MLKEM768:X25519:P-256:P-384";
// A client sends its certificates before it is authenticated. OpenSSL's own limits are 100 KiB, and
// 100 authorities between the client's certificate and the root.
constexpr std::size_t kMaxClientCertificateBytes = 16 * 1024;
constexpr int kMaxClientAuthorities = 4;

std::string last_reason() {
    const unsigned long code = ::ERR_peek_last_error();
    ::ERR_clear_error();
    const char* const reason = ::ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

Error unusable(const std::string& file, const std::string& what) {
    const unsigned long first = ::ERR_peek_error();
    if (ERR_SYSTEM_ERROR(first)) {
        std::string reason = std::system_category().message(ERR_GET_REASON(first));
        reason[0] = base::lower(reason[0]);
        ::ERR_clear_error();
        return {ErrorCode::kBadConfig, file + ": " + reason};
    }
    return {ErrorCode::kBadConfig, file + ": " + what + " (" + last_reason() + ")"};
}

/// Refuse encrypted keys, instead of asking for a password on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
    return -1;
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void* /*data*/) {
    unsigned char* found = nullptr;
    const int state = ::SSL_select_next_proto(&found, chosen_size, kProtocols.data(),
                                              kProtocols.size(), offered, offered_size);
    *chosen = found;
    // A client without a common protocol must get an alert (RFC 7301, section 3.2).
    return state == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void choose_groups(SSL_CTX* context) {
    if (::SSL_CTX_set1_groups_list(context, kGroupsWithHybrid) == 1) return;
    ::ERR_clear_error();
    ::SSL_CTX_set1_groups_list(context, kGroups);
}

void set_up(SSL_CTX* context) {
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_cipher_list(context, kCiphers);
    choose_groups(context);
    // Early data can be replayed, so it must not carry alerts.
    ::SSL_CTX_set_max_early_data(context, 0);
    ::SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    ::SSL_CTX_set_read_ahead(context, 1);
    // With tickets the clients keep the sessions; a cache would keep them in this process.
    ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_session_id_context(context, kSessions.data(), kSessions.size());
    ::SSL_CTX_set_num_tickets(context, 1);
    ::SSL_CTX_set_default_passwd_cb(context, no_password);
    ::SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

base::Status take_files(SSL_CTX* context, const TlsFiles& files) {
    ::ERR_clear_error();
    if (::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
        return unusable(files.certificate, "no certificate in PEM form can be read from it");
    }
    if (::SSL_CTX_use_PrivateKey_file(context, files.private_key.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(::ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
            return unusable(files.private_key, "the key does not fit " + files.certificate);
        }
        return unusable(files.private_key,
                        "no private key in PEM form, without a password, can be read from it");
    }
    if (::SSL_CTX_check_private_key(context) != 1) {
        return unusable(files.private_key, "the key does not fit " + files.certificate);
    }
    if (files.client_ca.empty()) return base::success();
    STACK_OF(X509_NAME)* const names = ::SSL_load_client_CA_file(files.client_ca.c_str());
    if (!names || ::SSL_CTX_load_verify_file(context, files.client_ca.c_str()) != 1) {
        return unusable(files.client_ca, "no certificates in PEM form can be read from it");
    }
    ::SSL_CTX_set_client_CA_list(context, names);
    // A resumed session would admit a client whose authority has been replaced since.
    ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    ::SSL_CTX_set_num_tickets(context, 0);
    ::SSL_CTX_set_max_cert_list(context, kMaxClientCertificateBytes);
    ::SSL_CTX_set_verify_depth(context, kMaxClientAuthorities);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return base::success();
}

std::int64_t end_of(SSL_CTX* context) {
    std::tm time{};
    const X509* const certificate = ::SSL_CTX_get0_certificate(context);
    if (!certificate || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &time) != 1) return 0;
    return ::timegm(&time);
}

}  // namespace

struct TlsContext::Native {
    SSL_CTX* context = ::SSL_CTX_new(::TLS_server_method());

    Native() = default;
    Native(const Native&) = delete;
    Native& operator=(const Native&) = delete;
    ~Native() { ::SSL_CTX_free(context); }
};

TlsContext::TlsContext(std::unique_ptr<Native> native, std::int64_t not_after)
    : native_(std::move(native)), not_after_(not_after) {}

TlsContext::~TlsContext() = default;

base::Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files,
                                                                 const TlsContext* before) {
    auto native = std::make_unique<Native>();
    if (!native->context) return Error{ErrorCode::kBadConfig, "TLS: " + last_reason()};
    set_up(native->context);
    if (base::Status taken = take_files(native->context, files); !taken.ok()) return taken.error();
    use_ticket_keys(native->context, before ? ticket_keys_of(before->native_->context)
                                            : std::make_shared<TicketKeys>(base::steady_ms()));
    const std::int64_t not_after = end_of(native->context);
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(native), not_after));
}

std::unique_ptr<Transport> TlsContext::accept(int descriptor) const {
    return accept_tls(native_->context, descriptor);
}

}  // namespace incm::net
