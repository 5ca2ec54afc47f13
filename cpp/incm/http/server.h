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

/// What a listener needs to know.
struct ServerOptions {
    std::string host;              ///< name or address; "" is not allowed
    std::uint16_t port = 0;        ///< 0 takes a free one
    std::optional<int> inherited;  ///< a listening socket to use instead; stays the caller's
    ConnectionRules rules;
    ConnectionLimits limits;
    TlsSource tls;  ///< empty: plain TCP
};

/// One listening address: its manager, one thread that watches it, and as many workers as are
/// wanted at once.
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

    /// Bind and begin to serve. Errors: kCannotListen with the address and the reason.
    [[nodiscard]] base::Status start();

    /// The bound port.
    [[nodiscard]] std::uint16_t port() const;

    /// The listening socket, valid after start(); stays the server's.
    [[nodiscard]] int descriptor() const;

    /// When the thread that watches the clients was seen last, in steady milliseconds.
    [[nodiscard]] std::int64_t beat_ms() const { return manager().beat_ms(); }
    [[nodiscard]] std::size_t open_connections() const { return manager().open_connections(); }

    /// Stop taking connections, and wait up to grace_ms until every request begun is answered.
    void drain(std::int64_t grace_ms);

    /// drain(), then close all connections and join all threads. Idempotent.
    void stop(std::int64_t grace_ms);

 private:
    [[nodiscard]] const ConnectionManager& manager() const;

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace incm::http
