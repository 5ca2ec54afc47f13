#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "incm/base/result.h"
#include "incm/http/chunk_decoder.h"
#include "incm/http/connection_rules.h"
#include "incm/http/connection_state.h"
#include "incm/http/request_head_parser.h"
#include "incm/net/ip_address.h"
#include "incm/net/transport.h"

namespace incm::http {

/// One client's connection. It turns the client's bytes into complete, strictly checked requests,
/// one after the other.
///
/// No method waits for the client, except advance() with a wait time. A request that breaks the
/// grammar or the rules is answered here with a problem document, and the connection ends. The
/// bytes of the next request are not parsed before the previous request is answered.
/// Threads: one at a time; only shut_down() may be called from another thread.
/// Source:  docs/security.md, Strict reading of HTTP.
class Connection {
 public:
    /// The result of advance().
    enum class Step {
        kRequest,  ///< a complete request: answer it, then advance again
        kWait,     ///< call again when the descriptor can be read, or written if wants_write()
        kEnd,      ///< no further request comes: close the connection
    };
    using State = ConnectionState;
    using Stage = ConnectionStage;

    /// rules and budget must outlive it.
    Connection(std::unique_ptr<net::Transport> transport, const net::IpAddress& peer,
               std::uint16_t port, const ConnectionRules& rules, ByteBudget& budget);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    [[nodiscard]] int descriptor() const { return transport_->descriptor(); }
    /// The client's address: the peer, or the address in a trusted proxy's PROXY header.
    [[nodiscard]] const net::IpAddress& client() const { return client_; }
    [[nodiscard]] std::uint16_t client_port() const { return port_; }
    /// The address at the other end of the socket.
    [[nodiscard]] const net::IpAddress& peer() const { return peer_; }

    /// Read and send until there is a complete request. Waits at most once, up to wait_ms, for more
    /// bytes.
    [[nodiscard]] Step advance(int wait_ms);

    /// Mark the request that advance() found as being answered. Until then advance() returns it
    /// again.
    void mark_consumed() { move_to(State::kAnswering); }

    /// The parts of the request that advance() found. The head is valid until the next advance().
    /// take_body() returns the decoded body, once. head() is what the parser learned from the head.
    [[nodiscard]] std::string_view head_text() const {
        return std::string_view(in_).substr(parser_.begin(), parser_.end() - parser_.begin());
    }
    [[nodiscard]] std::string take_body() { return std::exchange(body_, {}); }
    [[nodiscard]] const RequestHead& head() const { return parser_.head(); }

    /// Send the bytes, and keep those that the peer does not accept yet.
    void send(std::string_view bytes);

    /// Answer the request; the next advance() sends the answer. The connection ends after it unless
    /// keep_alive is true.
    /// well:    whether the answer reports success, which makes the connection worth keeping.
    /// Returns: false, and keeps nothing, when the budget has no room for an answer of this length.
    [[nodiscard]] bool answer(std::string text, bool keep_alive, bool well);

    /// Refuse the request and end the connection. The error is sent if the client can read it and
    /// there is memory for it.
    void refuse(base::ErrorCode code, const char* why) noexcept;

    /// Give the connection up: it will be closed without sending another byte.
    void abandon() noexcept;

    /// Whether the connection waits for the client since the last advance(): for its bytes, or
    /// until it accepts more of the answer.
    [[nodiscard]] bool is_waiting() const { return awaits_ != Awaits::kNothing; }
    [[nodiscard]] bool wants_write() const { return awaits_ == Awaits::kRoomToSend; }
    /// How many bytes of the budget this connection uses.
    [[nodiscard]] std::size_t held_bytes() const { return accounted_; }
    /// Whether the client has sent something that is not read yet, be it only the end of its
    /// stream.
    [[nodiscard]] bool has_unread() const { return transport_->has_unread(); }
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] Stage stage() const { return row_of(state_).stage; }
    /// When the current wait began, and when it must end, in steady milliseconds.
    [[nodiscard]] std::int64_t since_ms() const { return since_ms_; }
    [[nodiscard]] std::int64_t deadline_ms() const;
    /// The time by which connections are ranked for eviction, in steady milliseconds. One that was
    /// answered but never successfully ranks by when it was accepted, so repeating bad requests
    /// does not keep it young.
    [[nodiscard]] std::int64_t eviction_age_ms() const {
        return record_ == Record::kNoneSucceeded ? came_ms_ : since_ms_;
    }
    /// Handle a deadline that has passed. A client whose request has begun gets an answer. A
    /// connection that was silent between two requests is closed, but still read from for a while,
    /// so that a request that arrives too late is reported to the operator.
    void expire() noexcept;

    /// Begin to close the connection without a reset, which would destroy the answer on its way.
    /// Returns whether it can be destroyed now.
    [[nodiscard]] bool close(std::int64_t now_ms) noexcept;
    /// Continue to close. Returns whether the connection can be destroyed now.
    [[nodiscard]] bool go_on_closing() noexcept;

    void shut_down() { transport_->shut_down(); }

 private:
    /// What the last advance() waits for.
    enum class Awaits : std::uint8_t { kNothing, kBytes, kRoomToSend };
    /// The results of its requests so far: there was no request; none succeeded; at least one
    /// succeeded.
    enum class Record : std::uint8_t { kNone, kNoneSucceeded, kServed };
    static constexpr std::int64_t kNotYet = -1;

    void move_to(State next) noexcept {
        assert(next == state_ || row_of(state_).may_become(next));
        state_ = next;
        if (row_of(next).ends) return;  // close() sets since_ms_
        // The time of a new connection counts from the accept, whatever it does before its first
        // byte.
        since_ms_ = next == State::kFirstByte ? came_ms_ : kNotYet;
    }
    [[nodiscard]] std::optional<Step> look();
    [[nodiscard]] std::optional<Step> look_at_proxy_header();
    [[nodiscard]] std::optional<Step> look_at_head();
    [[nodiscard]] std::optional<Step> look_at_body();
    [[nodiscard]] base::Status accept_head();
    [[nodiscard]] base::Result<bool> decode_body();
    [[nodiscard]] bool has_no_request() const;
    [[nodiscard]] Step ended();
    [[nodiscard]] Step refused(const base::Error& error, State then = State::kClosing);
    void reject(const base::Error& error, State then);
    [[nodiscard]] Step wait(net::Io io);
    void await(net::Io io) noexcept;
    [[nodiscard]] bool go_on();
    [[nodiscard]] net::Io flush();
    [[nodiscard]] bool account();
    [[nodiscard]] bool peer_may_send();
    void note_crossing() noexcept;
    void next_request();

    const std::unique_ptr<net::Transport> transport_;
    const net::IpAddress peer_;
    const ConnectionRules& rules_;
    ByteBudget& budget_;
    net::IpAddress client_;
    std::uint16_t port_;

    State state_;
    Awaits awaits_ = Awaits::kNothing;
    Record record_ = Record::kNone;
    const std::int64_t came_ms_;
    std::int64_t since_ms_;  // when the wait in this state began; kNotYet: it has not waited in it

    RequestHeadParser parser_;
    std::string in_;            // bytes received since the end of the last request
    std::size_t consumed_ = 0;  // how many of them belong to the request
    std::size_t head_end_ = 0;
    std::optional<ChunkDecoder> chunks_;
    std::string body_;
    std::size_t received_ = 0;   // bytes of the body, still encoded
    std::string out_;            // the answer, until the peer has accepted all of it
    std::size_t out_sent_ = 0;   // how many bytes of it the peer has accepted
    std::size_t accounted_ = 0;  // bytes that the budget counts for it
    std::size_t discarded_ = 0;  // bytes read and discarded while closing
};

}  // namespace incm::http
