#include "incm/http/exchange.h"

#include <utility>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Timestamp.h>

#include "incm/base/clock.h"
#include "incm/http/forwarded_for.h"
#include "incm/http/problem.h"

namespace incm::http {

namespace {

using Poco::Net::SocketAddress;

constexpr std::size_t kUsualHead = 256;

/// What Poco takes for a connected socket: the connection that sits in it.
class Seat final : public Poco::Net::StreamSocketImpl {
 public:
    Connection* connection = nullptr;

    int receiveBytes(void* buffer, int length, int /*flags*/) override {
        return static_cast<int>(
            connection->take_head(static_cast<char*>(buffer), static_cast<std::size_t>(length)));
    }

    int sendBytes(const void* buffer, int length, int /*flags*/) override {
        connection->send({static_cast<const char*>(buffer), static_cast<std::size_t>(length)});
        return length;
    }

    // Poco asks for them with every request; who wants to know asks client_of().
    SocketAddress peerAddress() override { return unknown_; }
    SocketAddress address() override { return unknown_; }

    // The seat has no descriptor of its own.
    bool poll(const Poco::Timespan& /*timeout*/, int /*mode*/) override { return true; }
    void setReceiveTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setSendTimeout(const Poco::Timespan& /*timeout*/) override {}
    void close() override {}

 private:
    const SocketAddress unknown_;
};

class SeatSocket final : public Poco::Net::StreamSocket {
 public:
    explicit SeatSocket(Seat* seat) : StreamSocket(seat) {}
};

/// Poco's response with a way of its own out: Poco makes three streams for each answer.
class Reply final : public Poco::Net::HTTPServerResponseImpl {
 public:
    Reply(Poco::Net::HTTPServerSession& session, Connection& connection, const std::string& date)
        : HTTPServerResponseImpl(session), connection_(connection), date_(date) {}

    [[nodiscard]] bool sent() const override { return sent_; }

    void send_whole(std::string_view body) {
        std::string text;
        text.reserve(kUsualHead + body.size());
        text.append(getVersion()).append(" ").append(std::to_string(getStatus())).append(" ");
        text.append(getReason()).append("\r\nDate: ").append(date_).append("\r\n");
        for (const auto& [name, value] : *this) {
            text.append(name).append(": ").append(value).append("\r\n");
        }
        text.append("\r\n");
        if (!connection_.head().head_only) text.append(body);
        sent_ = true;
        connection_.send(text);
    }

 private:
    Connection& connection_;
    const std::string& date_;
    bool sent_ = false;
};

Connection& connection_of(Poco::Net::HTTPServerRequest& request) {
    Poco::Net::StreamSocket& socket =
        static_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket();
    return *static_cast<Seat&>(*socket.impl()).connection;
}

}  // namespace

struct Exchange::Session {
    Poco::Net::HTTPServerParams::Ptr params = new Poco::Net::HTTPServerParams;
    Seat* const seat = new Seat;  // counted by the sockets
    Poco::Net::HTTPServerSession poco{SeatSocket(seat), params};
};

Exchange::Exchange(const Answer& answer, Lobby& lobby)
    : answer_(answer), lobby_(lobby), session_(std::make_unique<Session>()) {}

Exchange::~Exchange() = default;

bool Exchange::serve(Connection& connection) {
    session_->seat->connection = &connection;
    for (bool first = true; next_request(connection); first = false) {
        if (!first && lobby_.is_crowded()) return true;
        if (!answer_one(connection)) return false;
    }
    return false;
}

bool Exchange::next_request(Connection& connection) {
    const int linger_ms = lobby_.may_linger();
    const Connection::Step step = connection.advance(linger_ms);
    if (linger_ms > 0) lobby_.linger_ended();
    return step == Connection::Step::kRequest;
}

/// Whether the client may send another one.
bool Exchange::answer_one(Connection& connection) {
    connection.take_up();
    try {
        Reply response(session_->poco, connection, date());
        Poco::Net::HTTPServerRequestImpl request(response, session_->poco, session_->params);
        response.setVersion(request.getVersion());
        response.setKeepAlive(connection.head().keep_alive && !lobby_.is_draining());
        answer_(request, response);
        return response.getKeepAlive();
    } catch (const Poco::Exception&) {
        // The guard let a head through that Poco cannot read.
        connection.refuse({base::ErrorCode::kMalformedRequest, "the head cannot be read"});
        session_ = std::make_unique<Session>();
        return false;
    }
}

const std::string& Exchange::date() {
    const std::int64_t now_s = base::now().wall_ms / 1000;
    if (now_s != date_s_) {
        date_s_ = now_s;
        date_ = Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(now_s),
                                                Poco::DateTimeFormat::HTTP_FORMAT);
    }
    return date_;
}

void send_whole(Poco::Net::HTTPServerResponse& response, std::string_view body) {
    static_cast<Reply&>(response).send_whole(body);
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
