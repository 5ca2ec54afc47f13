#include "incm/http/guarded_socket.h"

#include <algorithm>
#include <mutex>
#include <string_view>
#include <utility>

#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include "incm/http/forwarded_for.h"

namespace incm::http {

namespace {

using Poco::Net::SocketAddress;

class GuardedSocket final : public Poco::Net::StreamSocketImpl {
 public:
    GuardedSocket(std::unique_ptr<Connection> connection, std::shared_ptr<Lobby> lobby)
        : StreamSocketImpl(connection->descriptor()),
          lobby_(std::move(lobby)),
          connection_(std::move(connection)) {}

    /// Poco asks so whether there is another request: yes only when one is whole and right.
    bool poll(const Poco::Timespan& /*timeout*/, int mode) override {
        if (mode != SELECT_READ || !connection_) return false;
        const int linger_ms = lobby_->may_linger();
        const Connection::Step step = connection_->advance(linger_ms);
        if (linger_ms > 0) lobby_->linger_ended();
        return step == Connection::Step::kRequest;
    }

    /// The head that poll() found, then nothing more.
    int receiveBytes(void* buffer, int length, int /*flags*/) override {
        return static_cast<int>(
            connection_->take_head(static_cast<char*>(buffer), static_cast<std::size_t>(length)));
    }

    int sendBytes(const void* buffer, int length, int /*flags*/) override {
        connection_->send({static_cast<const char*>(buffer), static_cast<std::size_t>(length)});
        return length;
    }

    void close() override {
        std::unique_ptr<Connection> connection;
        {
            const std::lock_guard lock(mutex_);
            connection = std::move(connection_);
            reset();  // the descriptor stays open: it is the connection's
        }
        if (connection) lobby_->give_back(std::move(connection));
    }

    void shutdown() override {
        const std::lock_guard lock(mutex_);
        if (connection_) connection_->shut_down();
    }

    // What Poco would set for each connection anew is the connection's own business.
    void setReceiveTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setSendTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setRawOption(int /*level*/, int /*option*/, const void* /*value*/,
                      poco_socklen_t /*length*/) override {}

    SocketAddress peerAddress() override { return {}; }
    SocketAddress address() override { return {}; }

    [[nodiscard]] Connection& connection() { return *connection_; }

 protected:
    ~GuardedSocket() override { GuardedSocket::close(); }

 private:
    const std::shared_ptr<Lobby> lobby_;
    std::mutex mutex_;  // between close() and shutdown()
    std::unique_ptr<Connection> connection_;
};

class GuardedListener final : public Poco::Net::ServerSocketImpl {
 public:
    GuardedListener(std::shared_ptr<Lobby> lobby, std::optional<int> inherited)
        : lobby_(std::move(lobby)) {
        if (!inherited) return;
        reset(*inherited);
        lobby_->open(*inherited);
    }

    void listen(int backlog) override {
        ServerSocketImpl::listen(backlog);
        lobby_->open(sockfd());
    }

    bool poll(const Poco::Timespan& timeout, int /*mode*/) override {
        return lobby_->wait(static_cast<int>(timeout.totalMilliseconds()));
    }

    Poco::Net::SocketImpl* acceptConnection(SocketAddress& /*client*/) override {
        return new GuardedSocket(lobby_->next(), lobby_);
    }

 private:
    const std::shared_ptr<Lobby> lobby_;
};

class GuardedServerSocket final : public Poco::Net::ServerSocket {
 public:
    explicit GuardedServerSocket(Poco::Net::SocketImpl* socket) : ServerSocket(socket, true) {}
};

Connection& connection_of(Poco::Net::HTTPServerRequest& request) {
    Poco::Net::StreamSocket& socket =
        dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket();
    return dynamic_cast<GuardedSocket&>(*socket.impl()).connection();
}

}  // namespace

Poco::Net::ServerSocket guarded_listener(std::shared_ptr<Lobby> lobby,
                                         std::optional<int> inherited) {
    return GuardedServerSocket(new GuardedListener(std::move(lobby), inherited));
}

bool keeps_alive(Poco::Net::HTTPServerRequest& request) {
    return connection_of(request).head().keep_alive;
}

std::string take_body(Poco::Net::HTTPServerRequest& request) {
    return connection_of(request).take_body();
}

net::IpAddress client_of(Poco::Net::HTTPServerRequest& request, const ConnectionRules& rules) {
    const Connection& connection = connection_of(request);
    if (rules.proxy_protocol || !rules.is_proxy(connection.peer())) return connection.client();
    std::string forwarded;
    for (const auto& [name, value] : request) {
        if (Poco::icompare(name, "X-Forwarded-For") == 0) forwarded.append(",").append(value);
    }
    return forwarded_for(forwarded, connection.client(), rules);
}

}  // namespace incm::http
