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

/// One client's connection: from its bytes to whole, strict requests, one after the other.
///
/// Nothing here waits for the client, but for advance() with a time. What RequestHeadParser, the
/// chunks or the rules refuse is answered here with a problem document and the end of the
/// connection; the bytes of the next request are not looked at before the one before is answered.
/// Threads: one at a time; only shut_down() may come from another.
/// Source:  docs/security.md, Strict reading of HTTP.
class Connection {
 public:
    /// What advance() found.
    enum class Step {
        kRequest,  ///< a whole request: take it, answer it, advance again
        kWait,     ///< not yet: again when the descriptor is ready for wants_write()
        kEnd,      ///< there will be none: close it
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
    /// The client, or what a trusted proxy's PROXY header says it is.
    [[nodiscard]] const net::IpAddress& client() const { return client_; }
    [[nodiscard]] std::uint16_t client_port() const { return port_; }
    /// The peer of the socket.
    [[nodiscard]] const net::IpAddress& peer() const { return peer_; }

    /// Read and send until there is a whole request; wait up to wait_ms once for more bytes.
    [[nodiscard]] Step advance(int wait_ms);

    /// The request that advance() found is being answered; until then it finds it again.
    void mark_consumed() { move_to(State::kAnswering); }

    /// Of the request that advance() found: its head, valid until the next advance(); its body,
    /// decoded, once; what the guard knows of it.
    [[nodiscard]] std::string_view head_text() const {
        return std::string_view(in_).substr(guard_.begin(), guard_.end() - guard_.begin());
    }
    [[nodiscard]] std::string take_body() { return std::exchange(body_, {}); }
    [[nodiscard]] const RequestHead& head() const { return guard_.head(); }

    /// Send, or keep what the peer does not take now until it does.
    void send(std::string_view bytes);

    /// Answer the request by the next advance(); the connection ends after it unless another
    /// request may follow.
    /// well: it says that the request did what the client wanted.
    /// Returns false, and takes nothing, when there is no room for one so long.
    [[nodiscard]] bool answer(std::string text, bool keep_alive, bool well);

    /// Refuse it: answer the error if the client can read it, and if there is memory, and end.
    void refuse(base::ErrorCode code, const char* why) noexcept;

    /// Give it up: it will be closed without another byte.
    void abandon() noexcept;

    /// Whether the last advance() left it waiting, for bytes or until its own can be sent.
    [[nodiscard]] bool is_waiting() const { return awaits_ != Awaits::kNothing; }
    [[nodiscard]] bool wants_write() const { return awaits_ == Awaits::kRoomToSend; }
    /// How much of the budget it has.
    [[nodiscard]] std::size_t held_bytes() const { return accounted_; }
    /// Whether something came that nobody has read, were it only the peer's end.
    [[nodiscard]] bool has_unread() const { return transport_->has_unread(); }
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] Stage stage() const { return row_of(state_).stage; }
    /// Since when it waits for what it waits for, and until when it may; steady milliseconds.
    [[nodiscard]] std::int64_t since_ms() const { return since_ms_; }
    [[nodiscard]] std::int64_t deadline_ms() const;
    /// The time by which connections are ranked for eviction, in steady milliseconds. One that was
    /// answered but never successfully ranks by when it was accepted, so repeating bad requests
    /// does not keep it young.
    [[nodiscard]] std::int64_t eviction_age_ms() const {
        return record_ == Record::kInVain ? came_ms_ : since_ms_;
    }
    /// The deadline has passed: tell a client whose request has begun. One that was silent between
    /// two requests is listened to while it closes, so that the operator hears of a request that
    /// came too late.
    void expire() noexcept;

    /// Begin to close without a reset that would eat the answer. Returns whether it is done.
    [[nodiscard]] bool close(std::int64_t now_ms) noexcept;
    /// Go on with it. Returns whether it is done.
    [[nodiscard]] bool go_on_closing() noexcept;

    void shut_down() { transport_->shut_down(); }

 private:
    /// What the last advance() waits for.
    enum class Awaits : std::uint8_t { kNothing, kBytes, kRoomToSend };
    /// What its requests came to: there was none; none did what its client wanted; one did.
    enum class Record : std::uint8_t { kNone, kInVain, kServed };
    static constexpr std::int64_t kNotYet = -1;

    void move_to(State next) noexcept {
        assert(next == state_ || row_of(state_).may_become(next));
        state_ = next;
        if (row_of(next).ends) return;  // close() says since when
        // A newcomer's time counts from its connection, whatever it does short of a first byte.
        since_ms_ = next == State::kFirstByte ? came_ms_ : kNotYet;
    }
    [[nodiscard]] std::optional<Step> look();
    [[nodiscard]] std::optional<Step> look_at_proxy_header();
    [[nodiscard]] std::optional<Step> look_at_head();
    [[nodiscard]] std::optional<Step> look_at_body();
    [[nodiscard]] base::Status accept_head();
    [[nodiscard]] base::Result<bool> take_body_bytes();
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
    std::int64_t since_ms_;  // since when it waits in its state; kNotYet: it has not waited in it

    RequestHeadParser guard_;
    std::string in_;         // what came since the last request's end
    std::size_t taken_ = 0;  // how much of it belongs to the request
    std::size_t head_end_ = 0;
    std::optional<ChunkDecoder> chunks_;
    std::string body_;
    std::size_t received_ = 0;   // of the body, as it travels
    std::string out_;            // an answer that the peer has not taken whole
    std::size_t out_taken_ = 0;  // how much of it it has
    std::size_t accounted_ = 0;  // bytes of the budget
    std::size_t discarded_ = 0;  // while closing
};

}  // namespace incm::http
