#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "incm/base/result.h"

namespace Poco::Net {
class HTTPServerRequest;
class ServerSocket;
}  // namespace Poco::Net

namespace incm::http {

class OpenConnections;

/// Told of each request that the guard refused by itself: the error, and the peer's address.
/// Called from many threads at once; must not throw.
using Refused = std::function<void(const base::Error&, const std::string& peer)>;

/// How long a connection may take. Units: milliseconds.
struct GuardSettings {
    std::int64_t header_timeout_ms = 10'000;  ///< from the first byte of a head to its last
    std::int64_t body_timeout_ms = 30'000;    ///< for a whole body, at 1 KiB/s or more after 10 s
    std::int64_t send_timeout_ms = 10'000;    ///< for a peer that takes nothing of an answer
    Refused refused;
};

/// How long a body may take in all, in milliseconds, once so many of its bytes have arrived: 10 s,
/// then 1 ms more for each byte, never more than settings allow.
[[nodiscard]] std::int64_t body_time_ms(const GuardSettings& settings, std::size_t received);

/// A listening socket for Poco's HTTPServer whose connections let only whole, strict heads pass.
///
/// Shape:   what HeadGuard refuses is answered here with a problem document and the end of the
///          connection. Poco sees one head at a time and never a byte of a body, which read_body()
///          reads beside it; the next request waits until the body before was read whole.
///          Closing throws away what the peer still sends, so that no reset eats the answer.
/// Threads: a connection is used by one thread at a time; only shutdown() may come from another.
/// Source:  reliability.md, sections 1.3 to 1.5.
/// inherited: a socket that listens already, taken over; none: bind and listen are up to the
/// caller.
[[nodiscard]] Poco::Net::ServerSocket guarded_listener(
    std::shared_ptr<const GuardSettings> settings, std::shared_ptr<OpenConnections> connections,
    std::optional<int> inherited = std::nullopt);

/// Whether the client lets another request follow on the connection of this one.
[[nodiscard]] bool keeps_alive(Poco::Net::HTTPServerRequest& request);

/// Read a request's body whole, decoded; empty when the request has none.
///
/// Units:   at most max_bytes; memory is taken only for what has arrived.
/// Errors:  kBodyTooLarge, kMalformedRequest (broken chunks), kTruncatedBody (the peer closed),
///          kTimeout. The connection ends after the answer to any of them.
/// Threads: the request's own, once.
[[nodiscard]] base::Result<std::string> read_body(Poco::Net::HTTPServerRequest& request,
                                                  std::size_t max_bytes);

}  // namespace incm::http
