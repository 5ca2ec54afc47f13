#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace incm::http {

/// What a connection is at. kConnectionStates says what each state allows.
enum class ConnectionState : std::uint8_t {
    // It reads.
    kProxyHeader,  ///< the PROXY header, which comes before the first request
    kFirstByte,    ///< nothing of a first request has come
    kNextRequest,  ///< nothing of a further request has come
    kHead,         ///< a head has begun
    kBody,         ///< the head is whole
    kContinuing,   ///< as kBody; its client has not taken all of "100 Continue" yet
    // It has a request.
    kRequest,    ///< a whole one, for a worker
    kAnswering,  ///< somebody works on the answer
    kSending,    ///< the answer is on its way, and another request may follow
    kLastWords,  ///< the answer is on its way, and no other request follows
    // It ends. It sends what is left, says its end, and then:
    kClosing,     ///< waits for its client's end, since unread bytes would reset the connection
    kServedLast,  ///< waits only if its client has sent more, or may
    kSilent,      ///< waits, and has the operator hear of a request that comes too late
    kCutOff,      ///< waits for nothing: its client has ended, or is given up
    // It has said its end.
    kListening,   ///< after kSilent
    kDiscarding,  ///< throws away what still comes
};

/// Among which idle connections one waits for its client.
enum class ConnectionStage : std::uint8_t {
    kFresh,    ///< nothing has come yet
    kBegun,    ///< a request has begun, or an answer is not taken yet
    kKept,     ///< between two requests
    kClosing,  ///< sends what is left, then throws away what still comes
};

/// What one state allows.
struct ConnectionStateRow {
    enum class Reads : std::uint8_t { kNothing, kProxyHeader, kHead, kBody };
    /// Which of the rules' times it may take.
    enum class Limit : std::uint8_t { kHeader, kBody, kSend, kKeepAlive, kClosing };
    /// After that time: tell its client; end, and listen; or say nothing more.
    enum class Late : std::uint8_t { kRefuse, kListen, kCutOff };

    ConnectionState state;
    Reads reads;
    ConnectionStage stage;
    Limit limit;
    Late late;
    bool sends;           ///< something on its way must be taken first
    bool ends;            ///< there will be no further request: close it
    std::uint32_t nexts;  ///< the states that may follow, a bit each

    [[nodiscard]] constexpr bool may_become(ConnectionState next) const {
        return (nexts >> static_cast<unsigned>(next) & 1U) != 0;
    }
};

namespace states {

using enum ConnectionState;
using Reads = ConnectionStateRow::Reads;
using Stage = ConnectionStage;
using Limit = ConnectionStateRow::Limit;
using Late = ConnectionStateRow::Late;

template <typename... States>
constexpr std::uint32_t any_of(States... states) {
    return (0U | ... | (1U << static_cast<unsigned>(states)));
}
/// refuse() and close() lead to kClosing, the client's end and abandon() to kCutOff.
inline constexpr std::uint32_t kEnd = any_of(kClosing, kCutOff);

}  // namespace states

/// A row for each state, in order.
///
/// advance() moves a connection that reads or sends; mark_consumed() and answer() move the one that
/// has a request; refuse(), expire(), abandon() and close() end it, and go_on_closing() goes on.
inline constexpr auto kConnectionStates = [] {
    using namespace states;
    constexpr bool yes = true;
    constexpr bool no = false;
    return std::array<ConnectionStateRow, 16>{{
        // clang-format off
        // state, reads, stage, limit, late, sends, ends, nexts
        {kProxyHeader, Reads::kProxyHeader, Stage::kFresh, Limit::kHeader, Late::kCutOff, no, no,
         any_of(kFirstByte) | kEnd},
        {kFirstByte, Reads::kHead, Stage::kFresh, Limit::kHeader, Late::kCutOff, no, no,
         any_of(kHead, kBody) | kEnd},
        {kNextRequest, Reads::kHead, Stage::kKept, Limit::kKeepAlive, Late::kListen, no, no,
         any_of(kHead, kBody, kSilent) | kEnd},
        {kHead, Reads::kHead, Stage::kBegun, Limit::kHeader, Late::kRefuse, no, no,
         any_of(kFirstByte, kNextRequest, kBody) | kEnd},  // back by an empty line
        {kBody, Reads::kBody, Stage::kBegun, Limit::kBody, Late::kRefuse, no, no,
         any_of(kContinuing, kRequest) | kEnd},
        {kContinuing, Reads::kBody, Stage::kBegun, Limit::kSend, Late::kCutOff, yes, no,
         any_of(kBody, kRequest) | kEnd},
        {kRequest, Reads::kNothing, Stage::kBegun, Limit::kSend, Late::kCutOff, no, no,
         any_of(kAnswering) | kEnd},
        {kAnswering, Reads::kNothing, Stage::kBegun, Limit::kSend, Late::kCutOff, no, no,
         any_of(kSending, kLastWords, kNextRequest) | kEnd},
        {kSending, Reads::kNothing, Stage::kBegun, Limit::kSend, Late::kCutOff, yes, no,
         any_of(kNextRequest) | kEnd},
        {kLastWords, Reads::kNothing, Stage::kBegun, Limit::kSend, Late::kCutOff, yes, no,
         any_of(kServedLast) | kEnd},
        {kClosing, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of(kCutOff, kDiscarding)},
        {kServedLast, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of(kCutOff, kDiscarding)},
        {kSilent, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of(kCutOff, kListening)},
        {kCutOff, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of()},
        {kListening, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of(kCutOff, kDiscarding)},
        {kDiscarding, Reads::kNothing, Stage::kClosing, Limit::kClosing, Late::kCutOff, no, yes,
         any_of(kCutOff)},
        // clang-format on
    }};
}();

[[nodiscard]] constexpr const ConnectionStateRow& row_of(ConnectionState state) {
    return kConnectionStates[static_cast<std::size_t>(state)];
}

static_assert([] {
    for (std::size_t i = 0; i < kConnectionStates.size(); ++i) {
        if (static_cast<std::size_t>(kConnectionStates[i].state) != i) return false;
    }
    return true;
}());

}  // namespace incm::http
