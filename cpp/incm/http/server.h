#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "incm/base/result.h"
#include "incm/http/connection_manager.h"
#include "incm/http/connection_rules.h"
#include "incm/http/exchange.h"

namespace incm::http {

/// The settings of a listener.
struct ServerOptions {
    std::string host;              ///< name or address; "" is not allowed
    std::uint16_t port = 0;        ///< 0 chooses a free one
    std::optional<int> inherited;  ///< a listening socket to use instead; the caller keeps it
    ConnectionRules rules;
    ConnectionLimits limits;
    TlsSource tls;  ///< empty: plain TCP
};

/// One listening address, with its connection manager, the thread that watches its clients, and as
/// many workers as are needed at a time.
///
/// Threads: start(), drain() and stop() from one thread at a time; port() from any after start().
/// Source:  docs/security.md, Strict reading of HTTP.
class Server {
 public:
    Server(ServerOptions options, Answer answer);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    /// Calls stop(0).
    ~Server();

    /// Bind and start to serve.
    /// Errors:  kCannotListen, with the address and the reason.
    [[nodiscard]] base::Status start();

    /// Return the bound port.
    [[nodiscard]] std::uint16_t port() const;

    /// Return the listening socket, valid after start(). The server keeps it.
    [[nodiscard]] int descriptor() const;

    /// The last time at which the thread that watches the clients was active, in steady
    /// milliseconds.
    [[nodiscard]] std::int64_t beat_ms() const { return manager().beat_ms(); }
    [[nodiscard]] std::size_t open_connections() const { return manager().open_connections(); }

    /// Stop accepting connections, and wait up to grace_ms until every request that has begun is
    /// answered.
    void drain(std::int64_t grace_ms);

    /// drain(), then close all connections and join all threads. Idempotent.
    void stop(std::int64_t grace_ms);

 private:
    [[nodiscard]] const ConnectionManager& manager() const;

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace incm::http
