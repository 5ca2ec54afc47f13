#include "incm/net/tls_transport.h"

#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

namespace incm::net {

namespace {

constexpr std::string_view kPlainHttp =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n"
    "Connection: close\r\n\r\nThis port speaks TLS: use https:// instead of http";

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
            if (::SSL_read_ex(ssl_, to, size, &count) == 1) return {Io::kDone, count};
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
    /// OpenSSL's object is large, and most of it is wanted only once the client says something.
    [[nodiscard]] bool usable() {
        if (broken_ || ssl_) return !broken_;
        ssl_ = ::SSL_new(context_);
        broken_ = !ssl_ || ::SSL_set_fd(ssl_, descriptor()) != 1;
        if (!broken_) ::SSL_set_accept_state(ssl_);
        return !broken_;
    }

    IoResult what_now() {
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
        if (ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) write_raw(kPlainHttp);
        reason_ = code == 0 ? nullptr : ::ERR_reason_error_string(code);
        ::ERR_clear_error();
        return {Io::kEnd};
    }

    SSL_CTX* const context_;
    SSL* ssl_ = nullptr;
    bool broken_ = false;
    const char* reason_ = nullptr;  // a text of OpenSSL's own
};

}  // namespace

std::unique_ptr<Transport> accept_tls(ssl_ctx_st* context, int descriptor) {
    return std::make_unique<TlsTransport>(context, descriptor);
}

}  // namespace incm::net
