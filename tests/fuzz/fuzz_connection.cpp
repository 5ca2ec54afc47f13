// A connection takes any bytes in any pieces: it ends after a refusal, what it hands out does not
// depend on the pieces, and its bodies are those that the heads announce.

#include <memory>
#include <string>
#include <vector>

#include "fuzz_support.h"
#include <sys/socket.h>
#include <unistd.h>

#include "incm/http/connection.h"

namespace {

using incm::fuzz::Pieces;
using incm::fuzz::require;
using incm::http::Connection;
using incm::http::Framing;

constexpr std::size_t kMaxBody = 1024;
constexpr unsigned char kBehindProxy = 0x80;  // of an input's first byte

/// A request as a handler gets it.
struct Request {
    std::string head;
    std::string body;
    bool operator==(const Request&) const = default;
};

/// A connection, and its client at the other end of a socket pair.
class Exchange {
 public:
    explicit Exchange(bool behind_proxy) {
        int ends[2];
        require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "there are sockets");
        client_ = ends[0];
        rules_.max_body_bytes = kMaxBody;
        rules_.proxy_protocol = behind_proxy;
        rules_.proxies = incm::net::Network::loopback();
        rules_.refused = [this](const incm::base::Error&, const std::string&) { ++refusals_; };
        connection_ = std::make_unique<Connection>(std::make_unique<incm::net::Transport>(ends[1]),
                                                   incm::net::IpAddress::parse("127.0.0.1").value(),
                                                   1, rules_, budget_);
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange() {
        connection_.reset();
        ::close(client_);
    }

    /// What the client sends next. Returns whether the connection goes on.
    bool send(std::string_view bytes) {
        const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        require(sent == static_cast<ssize_t>(bytes.size()), "the socket has room for a piece");
        return serve();
    }

    /// The client has sent everything.
    void finish() {
        ::shutdown(client_, SHUT_WR);
        if (serve()) require(false, "an end ends it");
        // A closed connection stays closed, whatever is done with it.
        while (!connection_->close(0)) throw_answers_away();
    }

    [[nodiscard]] const std::vector<Request>& requests() const { return requests_; }
    [[nodiscard]] std::size_t refusals() const { return refusals_; }
    [[nodiscard]] std::string client() const { return connection_->client().text(); }

 private:
    bool serve() {
        for (;;) {
            const std::size_t refusals_before = refusals_;
            const Connection::Step step = connection_->advance(0);
            require(refusals_ <= 1, "a connection is refused once");
            require(step == Connection::Step::kEnd || refusals_ == refusals_before,
                    "a refusal ends it");
            throw_answers_away();
            if (step == Connection::Step::kWait) return true;
            if (step == Connection::Step::kEnd) {
                require(connection_->advance(0) == Connection::Step::kEnd, "an end is for ever");
                return false;
            }
            take_request();
            connection_->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    }

    void take_request() {
        Request request;
        require(connection_->advance(0) == Connection::Step::kRequest,
                "it is there until taken up");
        connection_->mark_consumed();
        request.head = connection_->head_text();
        require(request.head.ends_with("\r\n\r\n"), "a head is whole");
        request.body = connection_->take_body();
        const auto& head = connection_->head();
        require(request.body.size() <= kMaxBody, "the limit holds");
        if (head.framing == Framing::kNone) require(request.body.empty(), "no body, no bytes");
        if (head.framing == Framing::kLength) {
            require(request.body.size() == head.content_length, "a body has its length");
        }
        requests_.push_back(std::move(request));
    }

    void throw_answers_away() {
        char part[4096];
        while (::recv(client_, part, sizeof part, MSG_DONTWAIT) > 0) {
        }
    }

    incm::http::ConnectionRules rules_;
    incm::http::ByteBudget budget_{1024 * 1024};
    int client_ = -1;
    std::unique_ptr<Connection> connection_;
    std::vector<Request> requests_;
    std::size_t refusals_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0 || size > 32 * 1024) return 0;
    const bool behind_proxy = (bytes[0] & kBehindProxy) != 0;
    Pieces pieces(incm::fuzz::text_of(bytes, size));
    Exchange whole(behind_proxy);
    if (whole.send(pieces.all())) whole.finish();
    Exchange apart(behind_proxy);
    bool goes_on = true;
    while (goes_on && !pieces.empty()) goes_on = apart.send(pieces.next());
    if (goes_on) apart.finish();
    require(whole.requests() == apart.requests(), "pieces do not change the requests");
    require(whole.refusals() == apart.refusals(), "pieces do not change the refusals");
    require(whole.client() == apart.client(), "pieces do not change the client");
    return 0;
}
