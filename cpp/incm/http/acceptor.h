#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "incm/http/connection.h"
#include "incm/http/connection_rules.h"
#include "incm/http/event_poll.h"
#include "incm/http/open_connections.h"
#include "incm/net/tls_context.h"

namespace incm::http {

/// Limits on clients and on what they hold. Units: connections, except request_bytes.
struct ConnectionLimits {
    std::size_t workers = 256;         ///< worker threads; so many connections are served at a time
    std::size_t connections = 16'384;  ///< open at a time, of all clients
    /// Open for one client address (of IPv6: for one /64), except loopback and trusted proxies; 0:
    /// any number.
    std::size_t per_address = 1000;
    std::size_t request_bytes = 64 * 1024 * 1024;  ///< of all requests that have begun, together
};

/// Returns the TLS context for a new connection; null means plain TCP. Threads: any.
using TlsSource = std::function<std::shared_ptr<const net::TlsContext>()>;

/// Accepts new connections within the limits, and decides which connection to close when a limit is
/// reached.
///
/// When all places are taken, it closes the connection that has been idle longest. When a client
/// address has used all of its places, it closes idle connections of that address. When no
/// connection is idle, the one whose request began longest ago and is still incomplete gets 503.
/// When all requests are being answered, new connections wait in the backlog.
/// Threads: the loop's. It takes the lock of the open connections.
/// Source:  docs/promises.md, P11; docs/promises.md, P12.
class Acceptor {
 public:
    /// Everything that is passed by reference must outlive it.
    Acceptor(const ConnectionRules& rules, const ConnectionLimits& limits, TlsSource tls,
             ByteBudget& budget, EventPoll& poll, OpenConnections& all);

    /// Start to accept from a listening socket, which must stay open as long as this object lives.
    /// Errors:  as EventPoll::listen().
    void open(int listener);

    /// Accept the connections that wait, as many as there is room for. Some may stay for the next
    /// call.
    void accept_all();

 private:
    using Lock = OpenConnections::Lock;

    [[nodiscard]] bool accept_one();
    void admit(std::unique_ptr<Connection> connection);
    [[nodiscard]] bool has_place();
    [[nodiscard]] bool make_room();
    [[nodiscard]] bool make_room_for(const net::IpAddress& holder, const Lock& lock);
    [[nodiscard]] bool evict_one(const Lock& lock);
    [[nodiscard]] bool evict_if_silent(std::unique_ptr<Connection> connection, const Lock& lock);

    const ConnectionRules& rules_;
    const ConnectionLimits& limits_;
    const TlsSource tls_;
    ByteBudget& budget_;
    EventPoll& poll_;
    OpenConnections& all_;
    int listener_ = -1;
    std::int64_t waiting_since_ms_ = 0;  // when a connection first found no place; 0: none waits
};

}  // namespace incm::http
