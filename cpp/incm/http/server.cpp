#include "incm/http/server.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "incm/base/kept_from_children.h"

namespace incm::http {

namespace {

constexpr int kBacklog = 1024;
constexpr int kLookMs = 250;
constexpr int kPauseMs = 50;

/// Owns the descriptor of a listening socket.
class Listener {
 public:
    Listener() = default;
    explicit Listener(int descriptor)
        : descriptor_(descriptor), kept_(base::KeptFromChildren::listener(descriptor)) {}
    Listener(Listener&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), kept_(std::move(other.kept_)) {}
    Listener& operator=(Listener&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(kept_, other.kept_);
        return *this;
    }
    ~Listener() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
    int descriptor_ = -1;
    base::KeptFromChildren kept_;  // also keeps accepted connections from children
};

/// Errors: Poco::Exception.
Listener duplicate(int descriptor) {
    const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0) throw Poco::IOException(std::strerror(errno));
    return Listener(own);
}

Listener bound(const std::string& host, std::uint16_t port) {
    Poco::Net::ServerSocket socket;
    // With SO_REUSEPORT a second process could take half of the connections unnoticed.
    socket.bind({host, port}, /*reuseAddress=*/true, /*reusePort=*/false);
    socket.listen(kBacklog);
    return duplicate(socket.impl()->sockfd());
}

}  // namespace

struct Server::Impl {
    Impl(ServerOptions given, Answer given_answer)
        : options(std::move(given)),
          answer(std::move(given_answer)),
          manager(options.rules, options.limits, options.tls) {}

    void watch() {
        while (!stopped) {
            try {
                const std::size_t wanted = manager.wait(kLookMs);
                for (std::size_t i = 0; i < wanted; ++i) {
                    if (workers.size() < options.limits.workers) add_worker();
                }
            } catch (const std::exception&) {
                // Out of memory or threads: the existing workers continue.
                std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
            }
        }
    }

    void add_worker() {
        manager.expect_worker(true);
        try {
            workers.emplace_back([this] { work(); });
        } catch (...) {
            manager.expect_worker(false);
            throw;
        }
    }

    void work() {
        std::unique_ptr<Connection> connection = manager.pop_ready();
        while (connection) {
            bool has_more = false;
            try {
                has_more = serve(connection, answer, manager);
            } catch (const std::exception&) {
                // Out of memory, and it is unknown how far the request came.
                if (connection) connection->abandon();
            }
            connection = manager.exchange(std::move(connection), has_more);
        }
    }

    const ServerOptions options;
    const Answer answer;
    ConnectionManager manager;
    Listener listener;
    std::atomic<bool> stopped{false};
    std::vector<std::thread> workers;  // used by watch() only, until it has ended
    std::thread watcher;
};

Server::Server(ServerOptions options, Answer answer)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(answer))) {}

Server::~Server() {
    stop(0);
}

base::Status Server::start() {
    const ServerOptions& options = impl_->options;
    try {
        impl_->listener =
            options.inherited ? duplicate(*options.inherited) : bound(options.host, options.port);
        impl_->manager.open(impl_->listener.descriptor());
        impl_->watcher = std::thread([this] { impl_->watch(); });
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
    } catch (const std::system_error& error) {
        return base::Error{base::ErrorCode::kCannotListen,
                           std::string("cannot start a thread: ") + error.what()};
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
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(descriptor(), reinterpret_cast<sockaddr*>(&address), &length);
    // The port is at the same place in IPv6.
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

int Server::descriptor() const {
    return impl_->listener.descriptor();
}

const ConnectionManager& Server::manager() const {
    return impl_->manager;
}

void Server::drain(std::int64_t grace_ms) {
    if (impl_->watcher.joinable()) impl_->manager.drain(grace_ms);
}

void Server::stop(std::int64_t grace_ms) {
    if (!impl_->watcher.joinable()) return;
    drain(grace_ms);
    impl_->stopped = true;
    impl_->manager.close();
    impl_->watcher.join();
    for (std::thread& worker : impl_->workers) worker.join();
    impl_->manager.wait_for_answers();
    impl_->listener = Listener();
}

}  // namespace incm::http
