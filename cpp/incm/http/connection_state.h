#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace incm::http {

/// The state of a connection. kConnectionStates lists what each state allows.
enum class ConnectionState : std::uint8_t {
    // The connection reads.
    kProxyHeader,  ///< waits for the PROXY header, which comes before the first request
    kFirstByte,    ///< nothing of the first request has arrived
    kNextRequest,  ///< nothing of the next request has arrived
    kHead,         ///< part of a head has arrived
    kBody,         ///< the head is complete
    kContinuing,   ///< as kBody, but the client has not accepted all of "100 Continue" yet
    // The connection has a request.
    kRequest,    ///< the request is complete and waits for a worker
    kAnswering,  ///< a handler works on the answer
    kSending,    ///< the answer is being sent, and another request may follow
    kLastWords,  ///< the answer is being sent, and no other request follows
    // The connection ends. It sends what is left, closes its sending side, and then:
    kClosing,  ///< waits until the client closes, because unread bytes would reset the connection
    kServedLast,  ///< waits only if the client has sent more, or may
    kSilent,      ///< waits, and reports a request that arrives too late to the operator
    kCutOff,      ///< does not wait: the client has closed, or is given up
    // The connection has closed its sending side.
    kListening,   ///< after kSilent: waits for a late request
    kDiscarding,  ///< throws away what still comes
};

/// The group of idle connections in which a connection waits for its client.
enum class ConnectionStage : std::uint8_t {
    kNew,      ///< nothing has arrived yet
    kBegun,    ///< a request has begun, or an answer is not fully accepted yet
    kKept,     ///< between two requests
    kClosing,  ///< sends what is left, then discards what still arrives
};

/// What one state allows.
struct ConnectionStateRow {
    enum class Reads : std::uint8_t { kNothing, kProxyHeader, kHead, kBody };
    /// Which time of the rules limits this state.
    enum class Limit : std::uint8_t { kHeader, kBody, kSend, kKeepAlive, kClosing };
    /// What happens after that time: answer the client; close, but report a late request; or cut
    /// off without an answer.
    enum class Late : std::uint8_t { kRefuse, kListen, kCutOff };

    ConnectionState state;
    Reads reads;
    ConnectionStage stage;
    Limit limit;
    Late late;
    bool sends;           ///< bytes are being sent, and the client must accept them first
    bool ends;            ///< no further request is read: close the connection
    std::uint32_t nexts;  ///< the states that may follow, one bit each

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
/// refuse() and close() lead to kClosing; the end of the client's stream and abandon() lead to
/// kCutOff.
inline constexpr std::uint32_t kEnd = any_of(kClosing, kCutOff);

}  // namespace states

/// One row for each state, in the order of the enum.
///
/// advance() changes the state of a connection that reads or sends; mark_consumed() and answer()
/// that of one with a request. refuse(), expire(), abandon() and close() end a connection, and
/// go_on_closing() continues the end.
inline constexpr auto kConnectionStates = [] {
    using namespace states;
    constexpr bool yes = true;
    constexpr bool no = false;
    return std::array<ConnectionStateRow, 16>{{
        // clang-format off
        // state, reads, stage, limit, late, sends, ends, nexts
        {kProxyHeader, Reads::kProxyHeader, Stage::kNew, Limit::kHeader, Late::kCutOff, no, no,
         any_of(kFirstByte) | kEnd},
        {kFirstByte, Reads::kHead, Stage::kNew, Limit::kHeader, Late::kCutOff, no, no,
         any_of(kHead, kBody) | kEnd},
        {kNextRequest, Reads::kHead, Stage::kKept, Limit::kKeepAlive, Late::kListen, no, no,
         any_of(kHead, kBody, kSilent) | kEnd},
        {kHead, Reads::kHead, Stage::kBegun, Limit::kHeader, Late::kRefuse, no, no,
         any_of(kFirstByte, kNextRequest, kBody) | kEnd},  // an empty line leads back
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
