#include "incm/http/connection.h"

#include <algorithm>
#include <array>

#include "incm/base/clock.h"
#include "incm/http/other_protocol.h"
#include "incm/net/proxy_header.h"

namespace incm::http {

namespace {

using base::ErrorCode;
using base::Result;
using base::Status;
using net::Io;
using net::IoResult;
using Reads = ConnectionStateRow::Reads;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kProxyBytes = 4 * 1024;  // more than the longest PROXY header
// A head and a body often arrive separately; more reads may be for a slow client.
constexpr int kPatientReads = 2;
constexpr std::size_t kFreeBytes = 4 * 1024;  // a connection may hold so much without being counted

/// A connection must cost little between two requests.
void release_if_large(std::string& empty) {
    if (empty.empty() && empty.capacity() > kFreeBytes) std::string().swap(empty);
}

}  // namespace

Connection::Connection(std::unique_ptr<net::Transport> transport, const net::IpAddress& peer,
                       std::uint16_t port, const ConnectionRules& rules, ByteBudget& budget)
    : transport_(std::move(transport)),
      peer_(peer),
      rules_(rules),
      budget_(budget),
      client_(peer),
      port_(port),
      state_(rules.proxy_protocol && rules.is_proxy(peer) ? State::kProxyHeader
                                                          : State::kFirstByte),
      came_ms_(base::steady_ms()),
      since_ms_(came_ms_) {}

Connection::~Connection() {
    budget_.give_back(accounted_);
}

Connection::Step Connection::advance(int wait_ms) {
    awaits_ = Awaits::kNothing;
    if (state_ == State::kRequest) return Step::kRequest;
    if (row_of(state_).ends) return Step::kEnd;
    if (const Io io = flush(); io != Io::kDone) return wait(io);
    if (!go_on()) return Step::kEnd;
    std::array<char, kReadBytes> part;
    for (int reads = 0;; ++reads) {
        if (const std::optional<Step> step = look()) return *step;
        const IoResult read =
            transport_->read(part.data(), part.size(), reads < kPatientReads ? wait_ms : 0);
        if (read.state == Io::kEnd) return ended();
        if (read.state != Io::kDone) return wait(read.state);
        in_.append(part.data(), read.bytes);
        if (row_of(state_).reads == Reads::kBody) received_ += read.bytes;
        if (!account()) {
            return refused({ErrorCode::kBusy, "too many large requests at once, try again"});
        }
    }
}

/// Continue after everything is sent. Returns whether something must be read now.
bool Connection::go_on() {
    switch (state_) {
        case State::kAnswering:
        case State::kSending:
            next_request();
            return true;
        case State::kContinuing:
            move_to(State::kBody);
            return true;
        case State::kLastWords:
            move_to(State::kServedLast);
            return false;
        default:
            return !row_of(state_).ends;
    }
}

/// Parse the bytes that have arrived. Returns nothing when more are needed.
std::optional<Connection::Step> Connection::look() {
    if (state_ == State::kProxyHeader) {
        if (const auto step = look_at_proxy_header()) return step;
    }
    if (row_of(state_).reads == Reads::kHead) {
        if (const auto step = look_at_head()) return step;
    }
    return row_of(state_).reads == Reads::kBody ? look_at_body() : std::nullopt;
}

/// Read the PROXY header. It comes before any encryption, so only its own bytes may be taken from
/// the socket.
std::optional<Connection::Step> Connection::look_at_proxy_header() {
    std::array<char, kProxyBytes> part;
    const IoResult seen = transport_->read_raw(part.data(), part.size(), /*peek=*/true);
    if (seen.state == Io::kEnd) return ended();
    if (seen.state != Io::kDone) return wait(seen.state);
    const std::size_t before = in_.size();
    in_.append(part.data(), seen.bytes);
    const Result<std::optional<net::ProxyHeader>> header = net::read_proxy_header(in_);
    if (!header.ok()) return refused(header.error());
    const std::size_t size = header.value() ? header.value()->size : in_.size();
    static_cast<void>(transport_->read_raw(part.data(), size - before, /*peek=*/false));
    if (!header.value()) return wait(Io::kWaitRead);
    in_.clear();
    client_ = header.value()->client.value_or(client_);
    move_to(State::kFirstByte);
    return std::nullopt;
}

std::optional<Connection::Step> Connection::look_at_head() {
    const Result<bool> whole = parser_.look(in_);
    if (!whole.ok()) {
        base::Error error = whole.error();
        if (record_ == Record::kNone) error.log_note = other_protocol(in_);
        return refused(error);
    }
    if (!whole.value()) return std::nullopt;
    if (const Status accepted = accept_head(); !accepted.ok()) return refused(accepted.error());
    return row_of(state_).ends ? std::optional(Step::kEnd) : std::nullopt;
}

Status Connection::accept_head() {
    const RequestHead& head = parser_.head();
    if (head.framing == Framing::kLength && head.content_length > rules_.max_body_bytes) {
        return body_too_large(rules_.max_body_bytes);
    }
    head_end_ = parser_.end();
    consumed_ = head_end_;
    if (head.framing == Framing::kChunked) chunks_.emplace(rules_.max_body_bytes);
    received_ = in_.size() - head_end_;
    move_to(State::kBody);
    if (head.expects_continue && head_end_ == in_.size()) {
        send("HTTP/1.1 100 Continue\r\n\r\n");
        if (!out_.empty()) move_to(State::kContinuing);
    }
    return base::success();
}

std::optional<Connection::Step> Connection::look_at_body() {
    const Result<bool> whole = decode_body();
    if (!whole.ok()) return refused(whole.error());
    if (whole.value()) {
        move_to(State::kRequest);
        if (record_ == Record::kNone) record_ = Record::kNoneSucceeded;
        return Step::kRequest;
    }
    in_.resize(head_end_);  // the rest belonged to the body
    consumed_ = head_end_;
    return std::nullopt;
}

/// Move the bytes that have arrived into the body. Returns whether it is complete.
Result<bool> Connection::decode_body() {
    const RequestHead& head = parser_.head();
    const std::string_view bytes = std::string_view(in_).substr(consumed_);
    if (head.framing == Framing::kNone) return true;
    if (head.framing == Framing::kChunked) {
        const Result<std::size_t> count = chunks_->feed(bytes, body_);
        if (!count.ok()) return count.error();
        consumed_ += count.value();
        return chunks_->done();
    }
    const std::string_view part = bytes.substr(0, head.content_length - body_.size());
    body_.append(part);
    consumed_ += part.size();
    return body_.size() == head.content_length;
}

void Connection::next_request() {
    in_.erase(0, consumed_);
    release_if_large(in_);
    consumed_ = head_end_ = received_ = 0;
    parser_ = RequestHeadParser();
    chunks_.reset();
    body_.clear();
    release_if_large(body_);
    move_to(State::kNextRequest);
    static_cast<void>(account());
}

/// Update the budget with the bytes that this connection holds. Returns false when that is too
/// much.
bool Connection::account() {
    const std::size_t held = in_.size() + body_.size() + out_.size();
    const std::size_t counted = held > kFreeBytes ? held : 0;
    if (!budget_.change(accounted_, counted)) return false;
    accounted_ = counted;
    return true;
}

/// An empty line after a body, as old browsers send it, does not begin a request.
bool Connection::has_no_request() const {
    return in_.empty() || in_ == "\r\n";
}

bool Connection::answer(std::string text, bool keep_alive, bool well) {
    const bool is_first = out_.empty();
    is_first ? out_.swap(text) : static_cast<void>(out_.append(text));
    if (!account()) {
        is_first ? out_.clear() : out_.resize(out_.size() - text.size());
        return false;
    }
    if (well) record_ = Record::kServed;
    move_to(keep_alive ? State::kSending : State::kLastWords);
    return true;
}

void Connection::send(std::string_view bytes) {
    if (out_.empty()) {
        const IoResult written = transport_->write(bytes);
        if (written.state == Io::kEnd) move_to(State::kCutOff);
        if (written.state == Io::kEnd || written.bytes == bytes.size()) return;
        bytes.remove_prefix(written.bytes);
    }
    out_.append(bytes);
}

Io Connection::flush() {
    while (!out_.empty()) {
        const IoResult written = transport_->write(std::string_view(out_).substr(out_sent_));
        if (written.state == Io::kEnd) {
            move_to(State::kCutOff);
        } else if (written.state != Io::kDone) {
            return written.state;
        }
        out_sent_ += written.bytes;
        // The peer accepts something, so its time starts again.
        if (row_of(state_).sends) since_ms_ = kNotYet;
        if (state_ != State::kCutOff && out_sent_ < out_.size()) continue;
        std::string().swap(out_);
        out_sent_ = 0;
        static_cast<void>(account());
    }
    return Io::kDone;
}

Connection::Step Connection::wait(Io io) {
    if (row_of(state_).reads == Reads::kHead) {
        const State before = record_ == Record::kNone ? State::kFirstByte : State::kNextRequest;
        const State now_in = has_no_request() ? before : State::kHead;
        if (now_in != state_) move_to(now_in);
    }
    if (const std::int64_t now = base::steady_ms(); since_ms_ == kNotYet) {
        since_ms_ = now;
    } else if (now >= deadline_ms()) {
        expire();  // it sends so often that the loop never finds it waiting
        return Step::kEnd;
    }
    await(io);
    return Step::kWait;
}

void Connection::await(Io io) noexcept {
    awaits_ = io == Io::kWaitWrite ? Awaits::kRoomToSend : Awaits::kBytes;
}

}  // namespace incm::http
