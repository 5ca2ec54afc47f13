#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "incm/http/connection.h"
#include "incm/http/lobby.h"
#include "incm/net/ip_address.h"

namespace Poco::Net {
class HTTPServerRequest;
class HTTPServerResponse;
}  // namespace Poco::Net

namespace incm::http {

/// Answers one request; may be called from many threads at once; must not throw.
using Answer = std::function<void(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse&)>;

/// A worker's way through Poco's HTTP classes: one connection at a time sits in it.
///
/// Poco sees one whole, strict head at a time and never a byte of a body, which take_body() hands
/// out beside it.
/// Threads: one.
/// Source:  reliability.md, sections 1.1 to 1.5 (why not Poco's own server and session loop).
class Exchange {
 public:
    /// answer and lobby must outlive it.
    Exchange(const Answer& answer, Lobby& lobby);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange();

    /// Answer the connection's requests until it has to wait, or has ended. Returns whether one is
    /// left, because other clients wait for a worker.
    [[nodiscard]] bool serve(Connection& connection);

 private:
    struct Session;

    [[nodiscard]] bool next_request(Connection& connection);
    [[nodiscard]] bool answer_one(Connection& connection);

    [[nodiscard]] const std::string& date();

    const Answer& answer_;
    Lobby& lobby_;
    std::unique_ptr<Session> session_;
    std::int64_t date_s_ = 0;
    std::string date_;  // of that second
};

/// Send the answer that the response's status and fields say, with this body, at once. Once for
/// each request, and only for a response that an Answer got. HEAD gets no body.
void send_whole(Poco::Net::HTTPServerResponse& response, std::string_view body);

/// The request's body, whole and decoded; empty when it has none. Once for each request.
[[nodiscard]] std::string take_body(Poco::Net::HTTPServerRequest& request);

/// Whom the request is from: the client's address, or what a trusted proxy says it is, by the
/// PROXY protocol or else by X-Forwarded-For.
[[nodiscard]] net::IpAddress client_of(Poco::Net::HTTPServerRequest& request,
                                       const ConnectionRules& rules);

}  // namespace incm::http
