#include "incm/http/server.h"

#include <cstring>
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

#include "incm/http/guarded_socket.h"

namespace incm::http {

namespace {

constexpr int kBacklog = 1024;
// Poco wakes one idle worker on stop; the others leave after this time (1.11, GH #3796).
constexpr Poco::Timespan::TimeDiff kThreadIdleUs = 100'000;

class Handler final : public Poco::Net::HTTPRequestHandler {
 public:
    Handler(const Answer& answer, const Lobby& lobby) : answer_(answer), lobby_(lobby) {}

    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
        // Poco takes `Connection: close, te` for a wish to go on.
        if (!keeps_alive(request) || lobby_.is_draining()) response.setKeepAlive(false);
        answer_(request, response);
    }

 private:
    const Answer& answer_;
    const Lobby& lobby_;
};

/// A factory that threw or returned null would leak a worker of Poco 1.11 for ever (GH #1884).
class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
    Factory(const Answer& answer, const Lobby& lobby) : answer_(answer), lobby_(lobby) {}

    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest& /*request*/) override {
        return new Handler(answer_, lobby_);
    }

 private:
    const Answer& answer_;
    const Lobby& lobby_;
};

Poco::Net::HTTPServerParams::Ptr params_of(int workers) {
    Poco::Net::HTTPServerParams::Ptr params = new Poco::Net::HTTPServerParams;
    params->setKeepAlive(true);
    params->setMaxKeepAliveRequests(0);
    params->setMaxThreads(workers);
    params->setMaxQueued(workers + 1);  // never reached: the lobby hands out no more than workers
    params->setThreadIdleTime(Poco::Timespan(kThreadIdleUs));
    return params;
}

}  // namespace

struct Server::Impl {
    Impl(ServerOptions given, Answer given_answer)
        : options(std::move(given)),
          answer(std::move(given_answer)),
          lobby(std::make_shared<Lobby>(options.rules, options.limits, options.tls)),
          // The acceptor takes one thread of the pool as well; a pool that is exhausted would stall
          // a connection until the next one comes.
          pool(2, static_cast<int>(options.limits.workers) + 1) {}

    const ServerOptions options;
    const Answer answer;
    const std::shared_ptr<Lobby> lobby;
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
        Poco::Net::ServerSocket socket = guarded_listener(impl_->lobby, options.inherited);
        if (!options.inherited) {
            // SO_REUSEPORT would let a second process take half of the connections unnoticed.
            socket.bind({options.host, options.port}, /*reuseAddress=*/true, /*reusePort=*/false);
            socket.listen(kBacklog);
        }
        impl_->server = std::make_unique<Poco::Net::HTTPServer>(
            new Factory(impl_->answer, *impl_->lobby), impl_->pool, socket,
            params_of(static_cast<int>(options.limits.workers)));
        impl_->server->start();
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
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

int Server::descriptor() const {
    return impl_->server->socket().impl()->sockfd();
}

const Lobby& Server::lobby() const {
    return *impl_->lobby;
}

void Server::drain(std::int64_t grace_ms) {
    if (impl_->server) impl_->lobby->drain(grace_ms);
}

void Server::stop(std::int64_t grace_ms) {
    if (!impl_->server) return;
    drain(grace_ms);
    impl_->server->stop();
    impl_->server->stopAll(/*abortCurrent=*/true);
    impl_->pool.joinAll();
    impl_->server.reset();
}

}  // namespace incm::http
