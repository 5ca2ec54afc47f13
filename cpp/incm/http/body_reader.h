#pragma once

#include <cstddef>
#include <string>

#include "incm/base/result.h"

namespace Poco::Net {
class HTTPServerRequest;
}

namespace incm::http {

/// Read a request's body whole.
///
/// Shape:   exactly one Content-Length of digits, or exactly `Transfer-Encoding: chunked` (which of
/// them the
///          sender uses is unknown) -> the decoded body.
/// Units:   at most max_bytes of body; a chunk's header line and the trailer section are bounded
/// too. The limit is
///          checked before memory is taken.
/// Errors:  kLengthRequired, kBodyTooLarge, kMalformedRequest (other framing, both headers, broken
/// chunks),
///          kTruncatedBody (the peer closed), kTimeout (no byte within the server's time-out). The
///          connection must be closed after any of them, since where the next request begins is
///          unknown.
/// Threads: the request's own.
/// Source:  RFC 9112, sections 6 and 7; contract section 4.
[[nodiscard]] base::Result<std::string> read_body(Poco::Net::HTTPServerRequest& request,
                                                  std::size_t max_bytes);

/// Throw away what a refused request still sends, so that closing does not reset the connection
/// before the client has read the answer. Bounded in bytes and time; never throws.
void drain(Poco::Net::HTTPServerRequest& request) noexcept;

}  // namespace incm::http
