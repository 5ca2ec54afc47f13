// How a connection ends: refused, late, or closed.

#include <algorithm>
#include <array>
#include <exception>
#include <string>

#include "incm/http/connection.h"
#include "incm/http/problem.h"

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using net::Io;
using net::IoResult;

constexpr std::int64_t kFreeBodyMs = 10'000;  // the least rate, a byte a ms, counts after this
constexpr std::size_t kDiscardBytes = 16 * 1024;
constexpr std::size_t kMaxDiscarded = 16 * 1024 * 1024;
constexpr std::size_t kMaxDiscardedAtOnce = 64 * 1024;
constexpr std::int64_t kMaxClosingMs = 2000;

}  // namespace

std::int64_t body_time_ms(const ConnectionRules& rules, std::size_t received) {
    return std::min(rules.body_timeout_ms, kFreeBodyMs + static_cast<std::int64_t>(received));
}

Connection::Step Connection::ended() {
    if (const std::string failure = transport_->failure(); !failure.empty()) {
        refused_ = true;  // the peer may still send, and must be able to read the alert
        rules_.refused({ErrorCode::kMalformedRequest, failure}, client_.text());
        return Step::kEnd;
    }
    peer_ended_ = true;
    if (phase_ == Phase::kBody) {
        return refused({ErrorCode::kTruncatedBody, "the connection ended within the body"});
    }
    if (phase_ == Phase::kProxyHeader || has_no_request()) return Step::kEnd;
    return refused({ErrorCode::kMalformedRequest, "the connection ended within the head"});
}

Connection::Step Connection::refused(const Error& error) {
    reject(error);
    return Step::kEnd;
}

void Connection::refuse(ErrorCode code, const char* why) noexcept {
    if (waiting_ == Waiting::kSending && !out_.empty()) {  // it does not even take the one before
        transport_->give_up_sending();
        return abandon();
    }
    try {
        reject({code, why});
    } catch (const std::exception&) {
        abandon();
    }
}

void Connection::reject(const Error& error) {
    refused_ = true;
    const std::string answer = refusal_text(error, guard_.head().head_only);
    std::string().swap(in_);  // others may need the room while this one closes
    std::string().swap(body_);
    taken_ = head_end_ = 0;
    static_cast<void>(account());
    rules_.refused(error, client_.text());
    if (phase_ == Phase::kProxyHeader) return transport_->write_raw(answer);
    // A stranger is not worth a handshake that would only carry the refusal.
    transport_->can_send() ? send(answer) : abandon();
}

std::int64_t Connection::deadline_ms() const {
    switch (waiting_) {
        case Waiting::kNothing:
        case Waiting::kFirstByte:
        case Waiting::kHead:
            return since_ms_ + rules_.header_timeout_ms;
        case Waiting::kBody:
            return since_ms_ + body_time_ms(rules_, received_);
        case Waiting::kSending:
            return since_ms_ + rules_.send_timeout_ms;
        case Waiting::kNextRequest:
            return since_ms_ + rules_.keep_alive_ms;
        case Waiting::kClosing:
            break;
    }
    return since_ms_ + kMaxClosingMs;
}

void Connection::expire() noexcept {
    if (!out_.empty()) transport_->give_up_sending();
    if (waiting_ == Waiting::kHead) {
        refuse(ErrorCode::kTimeout, "the request's head did not arrive in time");
    } else if (waiting_ == Waiting::kBody) {
        refuse(ErrorCode::kTimeout, "the body did not arrive in time");
    } else if (waiting_ == Waiting::kNextRequest) {
        was_silent_ = refused_ = true;
    } else {
        abandon();
    }
}

bool Connection::peer_may_send() {
    const bool said_last = phase_ == Phase::kServed && !guard_.head().keep_alive;
    return refused_ || !said_last || taken_ < in_.size() || transport_->has_unread();
}

bool Connection::close(std::int64_t now_ms) noexcept {
    waiting_ = Waiting::kClosing;
    since_ms_ = now_ms;
    return go_on_closing();
}

bool Connection::go_on_closing() noexcept {
    if (const Io state = flush(); state != Io::kDone) {
        wants_write_ = state == Io::kWaitWrite;
        return false;
    }
    wants_write_ = false;
    if (!shutdown_sent_) {
        shutdown_sent_ = true;
        transport_->say_end();
        if (peer_ended_ || !peer_may_send()) return true;
        transport_->finish();
    }
    std::array<char, kDiscardBytes> part;
    for (std::size_t now = 0; now < kMaxDiscardedAtOnce;) {
        // Closing with unread bytes would reset the connection, and the peer lose the answer.
        const IoResult read = transport_->read_raw(part.data(), part.size(), /*peek=*/false);
        if (read.state != Io::kDone) return read.state == Io::kEnd;
        if (std::exchange(was_silent_, false)) note_crossing();
        now += read.bytes;
        discarded_ += read.bytes;
        if (discarded_ > kMaxDiscarded) return true;
    }
    return false;
}

/// The client sent it before it heard of the end, and will not know whether it was taken.
void Connection::note_crossing() noexcept {
    try {
        rules_.refused({ErrorCode::kTimeout,
                        "it came as its connection ended after " +
                            std::to_string(rules_.keep_alive_ms / 1000) +
                            " s of silence, and has no answer: keep_alive must be longer than the "
                            "proxy keeps its connections"},
                       client_.text());
    } catch (const std::exception&) {  // no memory to tell of it
    }
}

}  // namespace incm::http
