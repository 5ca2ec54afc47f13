#pragma once

#include <memory>
#include <optional>
#include <string>

#include "incm/http/lobby.h"
#include "incm/net/ip_address.h"

namespace Poco::Net {
class HTTPServerRequest;
class ServerSocket;
}  // namespace Poco::Net

namespace incm::http {

/// A listening socket for Poco's HTTPServer whose connections come out of a lobby.
///
/// Shape:   its poll() and accept are the lobby's wait() and next(), so Poco's acceptor thread is
///          the one that watches all clients. Poco sees one whole, strict head at a time and never
///          a byte of a body, which take_body() hands out beside it; a connection whose next
///          request does not come at once goes back to the lobby.
/// inherited: a listening socket to use instead of a new one; taken over.
/// Threads: a connection is used by one thread at a time; only shutdown() may come from another.
[[nodiscard]] Poco::Net::ServerSocket guarded_listener(std::shared_ptr<Lobby> lobby,
                                                       std::optional<int> inherited);

/// Whether the client lets another request follow on the connection of this one.
[[nodiscard]] bool keeps_alive(Poco::Net::HTTPServerRequest& request);

/// The request's body, whole and decoded; empty when it has none. Once for each request.
[[nodiscard]] std::string take_body(Poco::Net::HTTPServerRequest& request);

/// Whom the request is from: the client's address, or what a trusted proxy says it is, by the
/// PROXY protocol or else by X-Forwarded-For.
[[nodiscard]] net::IpAddress client_of(Poco::Net::HTTPServerRequest& request,
                                       const ConnectionRules& rules);

}  // namespace incm::http
