// How a connection ends: refused, late, or closed.

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <utility>

#include "incm/http/connection.h"
#include "incm/http/problem.h"

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using net::Io;
using net::IoResult;
using Late = ConnectionStateRow::Late;
using Limit = ConnectionStateRow::Limit;
using Reads = ConnectionStateRow::Reads;

constexpr std::int64_t kFreeBodyMs = 10'000;  // the minimum rate of 1 byte/ms counts after this
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
        // The peer may still send, and must be able to read the TLS alert.
        move_to(State::kClosing);
        rules_.refused({ErrorCode::kMalformedRequest, failure}, client_.text());
        return Step::kEnd;
    }
    if (row_of(state_).reads == Reads::kBody) {
        return refused({ErrorCode::kTruncatedBody, "the connection ended within the body"},
                       State::kCutOff);
    }
    if (state_ == State::kProxyHeader || has_no_request()) {
        move_to(State::kCutOff);
        return Step::kEnd;
    }
    return refused({ErrorCode::kMalformedRequest, "the connection ended within the head"},
                   State::kCutOff);
}

Connection::Step Connection::refused(const Error& error, State then) {
    reject(error, then);
    return Step::kEnd;
}

void Connection::refuse(ErrorCode code, const char* why) noexcept {
    if (row_of(state_).sends && !out_.empty()) {  // it does not even accept the previous answer
        transport_->give_up_sending();
        return abandon();
    }
    try {
        reject({code, why}, State::kClosing);
    } catch (const std::exception&) {
        abandon();
    }
}

void Connection::abandon() noexcept {
    move_to(State::kCutOff);
    awaits_ = Awaits::kNothing;
    out_.clear();
    out_sent_ = 0;
}

void Connection::reject(const Error& error, State then) {
    const bool is_plain = state_ == State::kProxyHeader;
    move_to(then);
    const std::string answer = refusal_text(error, parser_.head().head_only);
    std::string().swap(in_);  // other connections may need the memory while this one closes
    std::string().swap(body_);
    consumed_ = head_end_ = 0;
    static_cast<void>(account());
    rules_.refused(error, client_.text());
    if (rules_.access && rules_.access->wants_next()) {
        Access access;
        access.client = client_.text();
        access.status = problem_for(error.code).status;
        rules_.access->note(std::move(access));
    }
    if (is_plain) return transport_->write_raw(answer);
    // A handshake only to send a refusal is not worth its cost.
    transport_->can_send() ? send(answer) : abandon();
}

std::int64_t Connection::deadline_ms() const {
    switch (row_of(state_).limit) {
        case Limit::kHeader:
            return since_ms_ + rules_.header_timeout_ms;
        case Limit::kBody:
            return since_ms_ + body_time_ms(rules_, received_);
        case Limit::kSend:
            return since_ms_ + rules_.send_timeout_ms;
        case Limit::kKeepAlive:
            return since_ms_ + rules_.keep_alive_ms;
        case Limit::kClosing:
            break;
    }
    return since_ms_ + kMaxClosingMs;
}

void Connection::expire() noexcept {
    if (!out_.empty()) transport_->give_up_sending();
    switch (row_of(state_).late) {
        case Late::kRefuse:
            return refuse(ErrorCode::kTimeout, state_ == State::kHead
                                                   ? "the request's head did not arrive in time"
                                                   : "the body did not arrive in time");
        case Late::kListen:
            return move_to(State::kSilent);
        case Late::kCutOff:
            return abandon();
    }
}

bool Connection::peer_may_send() {
    return parser_.head().keep_alive || consumed_ < in_.size() || transport_->has_unread();
}

bool Connection::close(std::int64_t now_ms) noexcept {
    if (!row_of(state_).ends) move_to(State::kClosing);
    since_ms_ = now_ms;
    return go_on_closing();
}

bool Connection::go_on_closing() noexcept {
    const Io io = flush();
    await(io);
    if (io != Io::kDone) return false;
    if (state_ != State::kListening && state_ != State::kDiscarding) {
        transport_->say_end();
        if (state_ == State::kCutOff) return true;
        if (state_ == State::kServedLast && !peer_may_send()) return true;
        transport_->finish();
        move_to(state_ == State::kSilent ? State::kListening : State::kDiscarding);
    }
    std::array<char, kDiscardBytes> part;
    for (std::size_t now = 0; now < kMaxDiscardedAtOnce;) {
        // A close with unread bytes would reset the connection, and the peer would lose the answer.
        const IoResult read = transport_->read_raw(part.data(), part.size(), /*peek=*/false);
        if (read.state != Io::kDone) return read.state == Io::kEnd;
        if (state_ == State::kListening) note_crossing();
        move_to(State::kDiscarding);
        now += read.bytes;
        discarded_ += read.bytes;
        if (discarded_ > kMaxDiscarded) return true;
    }
    return false;
}

/// Report a request that the client sent before it knew about the close: it cannot know whether the
/// request was accepted.
void Connection::note_crossing() noexcept {
    try {
        rules_.refused({ErrorCode::kTimeout,
                        "it arrived while its connection was being closed after " +
                            std::to_string(rules_.keep_alive_ms / 1000) +
                            " s of silence, and got no answer: keep_alive must be longer than the "
                            "proxy keeps its connections"},
                       client_.text());
    } catch (const std::exception&) {  // no memory for the report
    }
}

}  // namespace incm::http
