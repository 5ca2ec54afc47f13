#include "incm/http/request.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using incm::http::ByteBudget;
using incm::http::Connection;
using incm::http::ConnectionRules;
using incm::http::Request;
using incm::net::IpAddress;

/// A connection whose client has sent something.
class RequestTest : public testing::Test {
 protected:
    Request read(const std::string& bytes) {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        connection_ =
            std::make_unique<Connection>(std::make_unique<incm::net::Transport>(ends[1]),
                                         IpAddress::parse("127.0.0.1").value(), 1, rules_, budget_);
        EXPECT_EQ(::send(ends[0], bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
        ::close(ends[0]);
        EXPECT_EQ(connection_->advance(0), Connection::Step::kRequest);
        return Request(*connection_);
    }

    ConnectionRules rules_;
    ByteBudget budget_{1024 * 1024};
    std::unique_ptr<Connection> connection_;
};

TEST_F(RequestTest, HasItsParts) {
    Request request = read(
        "\r\nPOST /a/b?c=d?e HTTP/1.1\r\nHost: x:1\r\nX-SIGNATURE:\t a: b \r\nempty:\r\n"
        "Content-Length: 2\r\n\r\nhi");
    EXPECT_EQ(request.method(), "POST");
    EXPECT_EQ(request.target(), "/a/b?c=d?e");
    EXPECT_EQ(request.path(), "/a/b");
    EXPECT_EQ(request.version(), "HTTP/1.1");
    EXPECT_EQ(request.field("host"), "x:1");
    EXPECT_EQ(request.field("x-signature"), "a: b");
    EXPECT_EQ(request.field("empty"), "");
    EXPECT_EQ(request.field("x-sig"), std::nullopt);
    EXPECT_EQ(request.field("hi"), std::nullopt) << "the body has no fields";
    EXPECT_EQ(request.take_body(), "hi");
}

TEST_F(RequestTest, AnAbsoluteTargetCountsMoreThanHost) {
    const Request request = read("GET HTTP://[::1]:1/a?b=http://c/ HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(request.target(), "/a?b=http://c/");
    EXPECT_EQ(request.path(), "/a");
    EXPECT_EQ(request.authority(), "[::1]:1");
    EXPECT_EQ(read("GET https://y HTTP/1.1\r\nHost: x\r\n\r\n").path(), "/");
    EXPECT_EQ(read("GET / HTTP/1.1\r\nHost: x:2\r\n\r\n").authority(), "x:2");
    EXPECT_EQ(read("GET / HTTP/1.0\r\n\r\n").authority(), "");
}

TEST_F(RequestTest, JoinsWhatIsGivenMoreThanOnce) {
    const Request request = read("GET / HTTP/1.0\r\nA: 1\r\nB: x\r\na: 2, 3\r\n\r\n");
    EXPECT_EQ(request.field("a"), "1");
    EXPECT_EQ(request.joined("a"), "1,2, 3");
    EXPECT_EQ(request.joined("c"), "");
    EXPECT_EQ(request.version(), "HTTP/1.0");
}

TEST_F(RequestTest, SeesAnExpectationToo) {
    const Request request =
        read("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1");
    EXPECT_EQ(request.field("content-length"), "1");
    EXPECT_EQ(request.field("expect"), "100-continue");
}

TEST_F(RequestTest, IsFromTheClientThatATrustedProxyNames) {
    const std::string forwarded =
        "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nA: " +
        std::string(4089, 'b') + "\r\nx-forwarded-for: 198.51.100.7\r\n\r\n";
    EXPECT_EQ(read(forwarded).client(rules_).text(), "127.0.0.1");
    rules_.proxies = incm::net::Network::loopback();
    EXPECT_EQ(read(forwarded).client(rules_).text(), "198.51.100.7");
}

}  // namespace
