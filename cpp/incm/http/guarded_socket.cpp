#include "incm/http/guarded_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <utility>

#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <poll.h>
#include <sys/socket.h>

#include "incm/base/clock.h"
#include "incm/http/chunk_decoder.h"
#include "incm/http/open_connections.h"
#include "incm/http/problem.h"
#include "incm/http/request_guard.h"

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using Poco::Net::SocketAddress;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::int64_t kFreeBodyMs = 10'000;  // the least rate, a byte a ms, counts after this
constexpr std::size_t kMaxDrainedBytes = 16 * 1024 * 1024;
constexpr std::int64_t kMaxDrainMs = 2000;
constexpr int kOutOfFilesPauseMs = 50;

std::int64_t now_ms() {
    return base::now().steady_ms;
}

/// Wait with poll(2): Poco 1.11 makes, asks and closes an epoll instance each time.
bool wait_for(int socket, short events, std::int64_t timeout_ms) {
    pollfd one{.fd = socket, .events = events, .revents = 0};
    const auto timeout = static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 0, INT_MAX));
    return ::poll(&one, 1, timeout) > 0;
}

short events_of(int mode) {
    using Poco::Net::SocketImpl;
    int events = 0;
    if (mode & SocketImpl::SELECT_READ) events |= POLLIN;
    if (mode & SocketImpl::SELECT_WRITE) events |= POLLOUT;
    return static_cast<short>(events);
}

class GuardedSocket final : public Poco::Net::StreamSocketImpl {
 public:
    GuardedSocket(int socket, const SocketAddress& peer,
                  std::shared_ptr<const GuardSettings> settings,
                  std::shared_ptr<OpenConnections> connections)
        : StreamSocketImpl(socket), settings_(std::move(settings)), peer_(peer) {
        connection_.emplace(std::move(connections), socket);
    }

    /// Poco asks so whether there is another request: yes only when its head is whole and right.
    bool poll(const Poco::Timespan& timeout, int mode) override {
        if (mode != SELECT_READ) {
            return wait_for(sockfd(), events_of(mode), timeout.totalMilliseconds());
        }
        return next_head(timeout.totalMilliseconds());
    }

    /// The rest of the head that poll() found, then nothing more.
    int receiveBytes(void* buffer, int length, int /*flags*/) override {
        const std::size_t left = head_end_ - std::min(taken_, head_end_);
        const std::size_t count = std::min(left, static_cast<std::size_t>(length));
        std::copy_n(in_.data() + taken_, count, static_cast<char*>(buffer));
        taken_ += count;
        return static_cast<int>(count);
    }

    void setReceiveTimeout(const Poco::Timespan& timeout) override {
        StreamSocketImpl::setReceiveTimeout(timeout);
        receive_timeout_ms_ = timeout.totalMilliseconds();
    }

    SocketAddress peerAddress() override { return peer_; }

    SocketAddress address() override {
        if (!own_) own_ = StreamSocketImpl::address();
        return *own_;
    }

    void close() override {
        if (initialized() && !peer_is_gone_ && peer_may_send()) drain();
        connection_.reset();
        StreamSocketImpl::close();
    }

    [[nodiscard]] bool keeps_alive() const { return guard_.head().keep_alive; }

    Result<std::string> read_body(std::size_t max_bytes) {
        const RequestHead& head = guard_.head();
        if (head.framing == Framing::kLength && head.content_length > max_bytes) {
            return body_too_large(max_bytes);
        }
        if (head.expects_continue && head_end_ == in_.size()) send("HTTP/1.1 100 Continue\r\n\r\n");
        taken_ = head_end_;
        std::string body;
        ChunkDecoder chunks(max_bytes);
        std::optional<std::int64_t> begun_ms;
        std::size_t received = in_.size() - taken_;
        for (;;) {
            const Result<bool> whole = take_body(body, chunks);
            if (!whole.ok()) return whole.error();
            if (whole.value()) break;
            in_.clear();
            taken_ = head_end_ = 0;
            if (!begun_ms) begun_ms = now_ms();
            const Filled filled = fill(*begun_ms + body_time_ms(*settings_, received));
            received += in_.size();
            if (filled == Filled::kTimeout) {
                return Error{ErrorCode::kTimeout, "the body did not arrive in time"};
            }
            if (filled == Filled::kEnd) {
                return Error{ErrorCode::kTruncatedBody, "the connection ended within the body"};
            }
        }
        body_is_read_ = true;
        return body;
    }

 private:
    enum class Filled { kBytes, kEnd, kTimeout };

    bool next_head(std::int64_t idle_ms) {
        if (!body_is_read_) return false;  // where the next request begins is unknown
        in_.erase(0, taken_);
        taken_ = head_end_ = 0;
        guard_ = HeadGuard();
        std::optional<std::int64_t> deadline_ms;
        for (;;) {
            const Result<bool> whole = guard_.look(in_);
            if (!whole.ok()) return refuse(whole.error());
            if (whole.value()) break;
            if (!in_.empty() && !deadline_ms) deadline_ms = now_ms() + settings_->header_timeout_ms;
            if (in_.empty() && !connection_->begin_rest()) return false;
            const Filled filled = fill(deadline_ms ? *deadline_ms : now_ms() + idle_ms);
            connection_->end_rest();
            if (filled == Filled::kBytes) continue;
            // An empty line after a body, as old browsers send it, begins no request.
            if (in_.empty() || in_ == "\r\n") return false;
            if (filled == Filled::kTimeout) {
                return refuse({ErrorCode::kTimeout, "the request's head did not arrive in time"});
            }
            return refuse({ErrorCode::kMalformedRequest, "the connection ended within the head"});
        }
        accept_head();
        return true;
    }

    void accept_head() {
        const RequestHead& head = guard_.head();
        const std::size_t expect_bytes = head.expect_end - head.expect_begin;
        in_.erase(head.expect_begin, expect_bytes);
        taken_ = guard_.begin();
        head_end_ = guard_.end() - expect_bytes;
        body_is_read_ = head.framing == Framing::kNone ||
                        (head.framing == Framing::kLength && head.content_length == 0);
    }

    /// Move what has arrived into the body; whether that was all of it.
    Result<bool> take_body(std::string& body, ChunkDecoder& chunks) {
        const std::string_view bytes = std::string_view(in_).substr(taken_);
        if (guard_.head().framing == Framing::kChunked) {
            const Result<std::size_t> count = chunks.feed(bytes, body);
            if (!count.ok()) return count.error();
            taken_ += count.value();
            return chunks.done();
        }
        const std::string_view part = bytes.substr(0, guard_.head().content_length - body.size());
        body.append(part);
        taken_ += part.size();
        return body.size() == guard_.head().content_length;
    }

    Filled fill(std::int64_t deadline_ms) {
        std::array<char, kReadBytes> part;
        for (;;) {
            const std::int64_t left_ms = deadline_ms - now_ms();
            // Waiting in recv(2) alone saves a system call while a connection is idle.
            const bool wait_in_recv = receive_timeout_ms_ > 0 && left_ms >= receive_timeout_ms_;
            if (!wait_in_recv && !wait_for(sockfd(), POLLIN, left_ms)) {
                if (now_ms() < deadline_ms) continue;  // a signal came
                return Filled::kTimeout;
            }
            const ssize_t count = ::recv(sockfd(), part.data(), part.size(), 0);
            if (count > 0) {
                in_.append(part.data(), static_cast<std::size_t>(count));
                return Filled::kBytes;
            }
            if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            // No answer tells the peer that it sent a part only: it was this side that read no
            // more.
            if (connection_->ended()) ::shutdown(sockfd(), SHUT_RDWR);
            peer_is_gone_ = true;
            return Filled::kEnd;
        }
    }

    bool refuse(const Error& error) {
        settings_->refused(error, peer_.toString());
        send(refusal_text(error, guard_.head().head_only));
        refused_ = true;
        return false;
    }

    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t count = ::send(sockfd(), text.data(), text.size(), MSG_NOSIGNAL);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    bool peer_may_send() {
        return refused_ || !body_is_read_ || taken_ < in_.size() || wait_for(sockfd(), POLLIN, 0);
    }

    /// Closing with unread bytes would reset the connection, and the peer lose the answer.
    void drain() noexcept {
        if (::shutdown(sockfd(), SHUT_WR) != 0) return;
        const std::int64_t deadline_ms = now_ms() + kMaxDrainMs;
        for (std::size_t drained = 0; drained < kMaxDrainedBytes; drained += in_.size()) {
            in_.clear();
            if (fill(deadline_ms) != Filled::kBytes) return;
        }
    }

    const std::shared_ptr<const GuardSettings> settings_;
    const SocketAddress peer_;
    std::optional<OpenConnection> connection_;  // until it is closed
    std::optional<SocketAddress> own_;
    std::int64_t receive_timeout_ms_ = 0;  // what recv(2) waits at most; 0: for ever
    HeadGuard guard_;
    std::string in_;         // what came since the last request's end, or since the last look
    std::size_t taken_ = 0;  // how much of it was handed on
    std::size_t head_end_ = 0;
    bool body_is_read_ = true;
    bool refused_ = false;
    bool peer_is_gone_ = false;
};

class GuardedListener final : public Poco::Net::ServerSocketImpl {
 public:
    GuardedListener(std::shared_ptr<const GuardSettings> settings,
                    std::shared_ptr<OpenConnections> connections, std::optional<int> inherited)
        : settings_(std::move(settings)), connections_(std::move(connections)) {
        if (inherited) reset(*inherited);
    }

    bool poll(const Poco::Timespan& timeout, int /*mode*/) override {
        return connections_->wait_for_connection(sockfd(), timeout.totalMilliseconds());
    }

    Poco::Net::SocketImpl* acceptConnection(SocketAddress& client) override {
        sockaddr_storage storage{};
        auto* const address = reinterpret_cast<sockaddr*>(&storage);
        socklen_t length = sizeof storage;
        // A plugin's child process must not inherit it: it would keep the connection open.
        const int socket = ::accept4(sockfd(), address, &length, SOCK_CLOEXEC);
        if (socket < 0) {
            // Without a free descriptor the connection stays in the backlog, and poll() would say
            // so at once again.
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                const int reason = errno;
                ::poll(nullptr, 0, kOutOfFilesPauseMs);
                error(reason);
            }
            error();
        }
        client = SocketAddress(address, length);
        auto* const accepted = new GuardedSocket(socket, client, settings_, connections_);
        accepted->setSendTimeout(Poco::Timespan(settings_->send_timeout_ms * 1000));
        return accepted;
    }

 private:
    const std::shared_ptr<const GuardSettings> settings_;
    const std::shared_ptr<OpenConnections> connections_;
};

class GuardedServerSocket final : public Poco::Net::ServerSocket {
 public:
    explicit GuardedServerSocket(Poco::Net::SocketImpl* socket) : ServerSocket(socket, true) {}
};

GuardedSocket& guarded(Poco::Net::HTTPServerRequest& request) {
    Poco::Net::StreamSocket& socket =
        dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket();
    return dynamic_cast<GuardedSocket&>(*socket.impl());
}

}  // namespace

std::int64_t body_time_ms(const GuardSettings& settings, std::size_t received) {
    return std::min(settings.body_timeout_ms, kFreeBodyMs + static_cast<std::int64_t>(received));
}

Poco::Net::ServerSocket guarded_listener(std::shared_ptr<const GuardSettings> settings,
                                         std::shared_ptr<OpenConnections> connections,
                                         std::optional<int> inherited) {
    return GuardedServerSocket(
        new GuardedListener(std::move(settings), std::move(connections), inherited));
}

bool keeps_alive(Poco::Net::HTTPServerRequest& request) {
    return guarded(request).keeps_alive();
}

Result<std::string> read_body(Poco::Net::HTTPServerRequest& request, std::size_t max_bytes) {
    return guarded(request).read_body(max_bytes);
}

}  // namespace incm::http
