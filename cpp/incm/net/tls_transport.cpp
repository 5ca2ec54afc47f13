#include "incm/net/tls_transport.h"

#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

namespace incm::net {

namespace {

constexpr std::string_view kPlainHttp =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n"
    "Connection: close\r\n\r\nThis port speaks TLS: use https:// instead of http";

// A handshake takes ten records. More than this many without a byte for the reader are an attempt
// to keep the server busy: key updates, refused renegotiations and empty records cost much more
// than their bytes.
constexpr int kMaxIdleRecords = 32;

constexpr const char* kPlainHttpReason =
    "the client speaks plain HTTP to this port: use https:// instead of http://";
constexpr const char* kNotTrusted =
    "the client does not trust the certificate of this server: it needs one from an authority that "
    "it trusts, with the whole chain";

class TlsTransport final : public Transport {
 public:
    TlsTransport(SSL_CTX* context, int descriptor) : Transport(descriptor), context_(context) {
        ::SSL_CTX_up_ref(context_);
    }
    ~TlsTransport() override {
        ::SSL_free(ssl_);
        ::SSL_CTX_free(context_);
    }

    IoResult read(char* to, std::size_t size, int wait_ms) override {
        if (!usable()) return {Io::kEnd};
        for (;;) {
            ::ERR_clear_error();
            std::size_t count = 0;
            if (::SSL_read_ex(ssl_, to, size, &count) == 1) {
                idle_records_ = 0;
                return {Io::kDone, count};
            }
            const IoResult state = what_now();
            if (state.state != Io::kWaitRead || wait_ms == 0) return state;
            pollfd one{.fd = descriptor(), .events = POLLIN, .revents = 0};
            if (::poll(&one, 1, wait_ms) <= 0) return state;
            wait_ms = 0;
        }
    }

    IoResult write(std::string_view bytes) override {
        if (!usable()) return {Io::kEnd};
        ::ERR_clear_error();
        std::size_t count = 0;
        if (::SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count) == 1) {
            return {Io::kDone, count};
        }
        return what_now();
    }

    bool can_send() const override { return ssl_ && !broken_ && ::SSL_is_init_finished(ssl_) != 0; }

    void say_end() override {
        ::ERR_clear_error();
        if (ssl_ && !broken_ && ::SSL_is_init_finished(ssl_)) ::SSL_shutdown(ssl_);
        ::ERR_clear_error();
    }

    std::string failure() const override {
        return reason_ ? std::string("TLS: ") + reason_ : std::string();
    }

 private:
    /// Create OpenSSL's object when the client first sends something, because it is large. Returns
    /// whether it can be used.
    [[nodiscard]] bool usable() {
        if (broken_ || ssl_) return !broken_;
        ssl_ = ::SSL_new(context_);
        broken_ = !ssl_ || ::SSL_set_fd(ssl_, descriptor()) != 1;
        if (broken_) return false;
        ::SSL_set_accept_state(ssl_);
        ::SSL_set_msg_callback(ssl_, on_message);
        ::SSL_set_msg_callback_arg(ssl_, this);
        return true;
    }

    /// Limit idle records. OpenSSL reads records until one has bytes for the reader, and no
    /// callback can stop it, so everything after the last allowed record is made to look like the
    /// end of the stream.
    static void on_message(int writing, int /*version*/, int type, const void* /*bytes*/,
                           std::size_t /*size*/, SSL* ssl, void* self) {
        auto& transport = *static_cast<TlsTransport*>(self);
        if (writing || type != SSL3_RT_HEADER) return;
        if (++transport.idle_records_ != kMaxIdleRecords) return;
        ::SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
        ::shutdown(transport.descriptor(), SHUT_RD);
    }

    IoResult what_now() {
        if (idle_records_ >= kMaxIdleRecords) {
            broken_ = true;
            reason_ = "too many records without data";
            ::ERR_clear_error();
            return {Io::kEnd};
        }
        switch (::SSL_get_error(ssl_, 0)) {
            case SSL_ERROR_WANT_READ:
                return {Io::kWaitRead};
            case SSL_ERROR_WANT_WRITE:
                return {Io::kWaitWrite};
            case SSL_ERROR_ZERO_RETURN:
                return {Io::kEnd};
            default:
                break;
        }
        broken_ = true;  // OpenSSL allows no further call, not even a shutdown
        const unsigned long code = ::ERR_peek_error();
        reason_ = code == 0 ? nullptr : ::ERR_reason_error_string(code);
        switch (ERR_GET_REASON(code)) {
            case SSL_R_HTTP_REQUEST:
                write_raw(kPlainHttp);
                reason_ = kPlainHttpReason;
                break;
            case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
            case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
                reason_ = kNotTrusted;
                break;
            default:
                break;
        }
        ::ERR_clear_error();
        return {Io::kEnd};
    }

    SSL_CTX* const context_;
    SSL* ssl_ = nullptr;
    bool broken_ = false;
    int idle_records_ = 0;          // records since the reader last got bytes
    const char* reason_ = nullptr;  // a static text of OpenSSL or of this file
};

}  // namespace

std::unique_ptr<Transport> accept_tls(ssl_ctx_st* context, int descriptor) {
    return std::make_unique<TlsTransport>(context, descriptor);
}

}  // namespace incm::net
