#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "incm/base/result.h"
#include "incm/http/guarded_socket.h"

namespace Poco::Net {
class HTTPServerRequest;
class HTTPServerResponse;
}  // namespace Poco::Net

namespace incm::http {

/// What a listener needs to know.
struct ServerOptions {
    std::string host;        ///< name or address; "" is not allowed
    std::uint16_t port = 0;  ///< 0 takes a free one
    /// A listening socket to serve instead of binding; a duplicate is used, so it stays the
    /// caller's.
    std::optional<int> listen_fd;
    int max_connections =
        256;  ///< served at once (a thread each); as many again may wait in a queue
    int keep_alive_ms = 15'000;  ///< longest silence between two requests
    GuardSettings guard;
};

/// Answers one request; may be called from many threads at once; must not throw.
using Answer = std::function<void(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse&)>;

/// One listening address: Poco's HTTPServer with its own thread pool.
///
/// Threads: start(), drain() and stop() from one thread at a time; port() from any after start().
/// Source:  reliability.md section 1 (what Poco 1.11 needs around it).
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

    /// Stop taking connections, end those that are idle, and wait up to grace_ms until the others
    /// have their answer. Connections in the backlog stay there. Idempotent.
    void drain(std::int64_t grace_ms);

    /// Cut off the connections that a drain() left.
    void cut();

    /// drain(), cut(), then join all threads and close the listening socket. Idempotent.
    void stop(std::int64_t grace_ms);

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace incm::http
