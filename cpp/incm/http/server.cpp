#include "incm/http/server.h"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
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

namespace incm::http {

namespace {

constexpr int kBacklog = 1024;
// Poco wakes one idle worker on stop; the others leave after this time (1.11, GH #3796).
constexpr Poco::Timespan::TimeDiff kThreadIdleUs = 500'000;

/// Counts requests being answered, so that a stop can wait for them.
class Activity {
 public:
    void enter() {
        const std::lock_guard lock(mutex_);
        ++active_;
    }
    void leave() {
        const std::lock_guard lock(mutex_);
        if (--active_ == 0) idle_.notify_all();
    }
    void wait_idle(std::int64_t timeout_ms) {
        std::unique_lock lock(mutex_);
        idle_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                       [this] { return active_ == 0; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable idle_;
    int active_ = 0;  // guarded by mutex_
};

class Handler final : public Poco::Net::HTTPRequestHandler {
 public:
    Handler(const Answer& answer, Activity& activity) : answer_(answer), activity_(activity) {}

    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
        activity_.enter();
        // Poco takes `Connection: close, te` for a wish to go on.
        if (!keeps_alive(request)) response.setKeepAlive(false);
        answer_(request, response);
        activity_.leave();
    }

 private:
    const Answer& answer_;
    Activity& activity_;
};

/// A factory that threw or returned null would leak a worker of Poco 1.11 for ever (GH #1884).
class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
    Factory(const Answer& answer, Activity& activity) : answer_(answer), activity_(activity) {}

    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest& /*request*/) override {
        return new Handler(answer_, activity_);
    }

 private:
    const Answer& answer_;
    Activity& activity_;
};

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
    Activity activity;
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
        const Poco::Net::SocketAddress address(options.host, options.port);
        Poco::Net::ServerSocket socket =
            guarded_listener(std::make_shared<const GuardSettings>(options.guard));
        // SO_REUSEPORT would let a second process take half of the connections unnoticed.
        socket.bind(address, /*reuseAddress=*/true, /*reusePort=*/false);
        socket.listen(kBacklog);
        impl_->server = std::make_unique<Poco::Net::HTTPServer>(
            new Factory(impl_->answer, impl_->activity), impl_->pool, socket, params_of(options));
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
    impl_->server->stop();
    impl_->activity.wait_idle(grace_ms);
}

void Server::stop(std::int64_t grace_ms) {
    if (!impl_->server) return;
    drain(grace_ms);
    impl_->server->stopAll(/*abortCurrent=*/true);
    impl_->pool.joinAll();
    impl_->server.reset();
}

}  // namespace incm::http
