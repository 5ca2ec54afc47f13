#pragma once

#include <memory>

#include "incm/net/transport.h"

struct ssl_ctx_st;

namespace incm::net {

/// The server's side of TLS over a connected socket that does not block. Takes it over; the
/// handshake is made by the first reads. Threads: as Transport.
[[nodiscard]] std::unique_ptr<Transport> accept_tls(ssl_ctx_st* context, int descriptor);

}  // namespace incm::net
