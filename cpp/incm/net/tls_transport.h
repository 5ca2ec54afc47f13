#pragma once

#include <memory>

#include "incm/net/transport.h"

struct ssl_ctx_st;

namespace incm::net {

/// Return the server side of TLS over a connected, non-blocking socket, and take the socket over.
/// The first reads make the handshake. Threads: as Transport.
[[nodiscard]] std::unique_ptr<Transport> accept_tls(ssl_ctx_st* context, int descriptor);

}  // namespace incm::net
