#include "incm/http/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/ThreadPool.h>
#include <fcntl.h>

#include "incm/base/clock.h"
#include "incm/http/open_connections.h"

namespace incm::http {

namespace {

constexpr int kBacklog = 1024;
// Poco wakes one idle worker on stop; the others leave after this time (1.11, GH #3796).
constexpr Poco::Timespan::TimeDiff kThreadIdleUs = 500'000;
constexpr std::chrono::milliseconds kQueueLook{1};
// For the first request of a connection that was accepted right before the stop.
constexpr std::int64_t kFreshMs = 250;

class Handler final : public Poco::Net::HTTPRequestHandler {
 public:
    Handler(const Answer& answer, OpenConnections& connections)
        : answer_(answer), connections_(connections) {}

    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
        // Poco takes `Connection: close, te` for a wish to go on.
        if (connections_.ending() || !keeps_alive(request)) response.setKeepAlive(false);
        answer_(request, response);
    }

 private:
    const Answer& answer_;
    OpenConnections& connections_;
};

/// A factory that threw or returned null would leak a worker of Poco 1.11 for ever (GH #1884).
class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
    Factory(const Answer& answer, OpenConnections& connections)
        : answer_(answer), connections_(connections) {}

    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest& /*request*/) override {
        return new Handler(answer_, connections_);
    }

 private:
    const Answer& answer_;
    OpenConnections& connections_;
};

/// A copy of a descriptor, that nobody else closes.
std::optional<int> duplicate(std::optional<int> descriptor) {
    if (!descriptor) return std::nullopt;
    const int copy = ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) throw Poco::IOException("the socket that was handed over", errno);
    return copy;
}

Poco::Net::HTTPServerParams::Ptr params_of(const ServerOptions& options) {
    Poco::Net::HTTPServerParams::Ptr params = new Poco::Net::HTTPServerParams;
    params->setTimeout(Poco::Timespan(
        static_cast<Poco::Timespan::TimeDiff>(options.guard.header_timeout_ms) * 1000));
    params->setKeepAlive(true);
    params->setMaxKeepAliveRequests(0);
    params->setKeepAliveTimeout(
        Poco::Timespan(static_cast<Poco::Timespan::TimeDiff>(options.keep_alive_ms) * 1000));
    params->setMaxThreads(options.max_connections);
    params->setMaxQueued(options.max_connections);
    params->setThreadIdleTime(Poco::Timespan(kThreadIdleUs));
    return params;
}

}  // namespace

struct Server::Impl {
    Impl(ServerOptions given, Answer given_answer)
        : options(std::move(given)),
          answer(std::move(given_answer)),
          // The acceptor takes one thread of the pool as well; a pool that is exhausted would stall
          // a connection until the next one comes.
          pool(2, options.max_connections + 1) {}

    const ServerOptions options;
    const Answer answer;
    const std::shared_ptr<OpenConnections> connections = std::make_shared<OpenConnections>();
    Poco::ThreadPool pool;
    std::unique_ptr<Poco::Net::HTTPServer> server;
};

Server::Server(ServerOptions options, Answer answer)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(answer))) {}

Server::~Server() {
    stop(0);
}

base::Status Server::start() {
    const ServerOptions& options = impl_->options;
    try {
        const std::optional<int> inherited = duplicate(options.listen_fd);
        Poco::Net::ServerSocket socket = guarded_listener(
            std::make_shared<const GuardSettings>(options.guard), impl_->connections, inherited);
        if (!inherited) {
            const Poco::Net::SocketAddress address(options.host, options.port);
            // SO_REUSEPORT would let a second process take half of the connections unnoticed.
            socket.bind(address, /*reuseAddress=*/true, /*reusePort=*/false);
            socket.listen(kBacklog);
        }
        // Another process may take the connection that poll(2) has told of.
        socket.setBlocking(false);
        impl_->server =
            std::make_unique<Poco::Net::HTTPServer>(new Factory(impl_->answer, *impl_->connections),
                                                    impl_->pool, socket, params_of(options));
        impl_->server->start();
    } catch (const Poco::Exception& error) {
        const std::string reason =
            error.code() > 0 ? std::strerror(error.code()) : error.displayText();
        return base::Error{base::ErrorCode::kCannotListen, "cannot listen on " + options.host +
                                                               ":" + std::to_string(options.port) +
                                                               ": " + reason};
    }
    return base::success();
}

std::uint16_t Server::port() const {
    return impl_->server->port();
}

void Server::drain(std::int64_t grace_ms) {
    if (!impl_->server) return;
    const std::int64_t deadline_ms = base::now().steady_ms + grace_ms;
    const auto left_ms = [deadline_ms] {
        return std::max<std::int64_t>(0, deadline_ms - base::now().steady_ms);
    };
    impl_->connections->end();
    // Poco's dispatcher drops what waits for a thread when it is stopped.
    while (impl_->server->queuedConnections() > 0 && left_ms() > 0) {
        std::this_thread::sleep_for(kQueueLook);
    }
    impl_->server->stop();
    impl_->connections->wait_none(std::min(left_ms(), kFreshMs));
    impl_->connections->end_fresh();
    impl_->connections->wait_none(left_ms());
}

void Server::cut() {
    if (impl_->server) impl_->server->stopAll(/*abortCurrent=*/true);
}

void Server::stop(std::int64_t grace_ms) {
    if (!impl_->server) return;
    drain(grace_ms);
    cut();
    impl_->pool.joinAll();
    impl_->server.reset();
}

}  // namespace incm::http
