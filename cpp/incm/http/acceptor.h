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

/// How many clients may be there. Units: connections.
struct ConnectionLimits {
    std::size_t workers = 256;         ///< threads that answer: handed out at once
    std::size_t connections = 16'384;  ///< open in all
    std::size_t per_address = 1000;    ///< open for one client address (of IPv6: /64), but for
                                       ///< loopback and trusted proxies; 0: any number
    std::size_t request_bytes = 64 * 1024 * 1024;  ///< of all requests begun
};

/// Gives the context for new connections; null: plain TCP. Threads: any.
using TlsSource = std::function<std::shared_ptr<const net::TlsContext>()>;

/// Lets newcomers in, within the limits, and decides who goes for them.
///
/// When all places are taken, the idlest connection goes, as does that of an address that has all
/// of its places; when none is idle, the one whose request began longest ago and is not whole gets
/// 503; when all are being answered, newcomers wait in the backlog.
/// Threads: the loop's. It takes the lock of the open connections.
/// Source:  docs/promises.md, P11; docs/promises.md, P12.
class Acceptor {
 public:
    /// What is handed in by reference must outlive it.
    Acceptor(const ConnectionRules& rules, const ConnectionLimits& limits, TlsSource tls,
             ByteBudget& budget, EventPoll& poll, OpenConnections& all);

    /// Accept from a listening socket, which must stay open as long as this lives. Errors: as
    /// EventPoll::listen().
    void open(int listener);

    /// Let in all that wait, as many as there is room for; some stay for the next call.
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
    std::int64_t waiting_since_ms_ = 0;  // since when, though nobody let go; 0: nobody waits
};

}  // namespace incm::http
