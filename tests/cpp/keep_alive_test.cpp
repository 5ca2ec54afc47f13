// How long a silent connection stays open, what its answers announce, and which ones end earlier.

#include <future>
#include <memory>
#include <string>

#include "raw_client.h"
#include <gtest/gtest.h>

#include "incm/http/server.h"

namespace {

using incm::base::Error;
using incm::http::ConnectionLimits;
using incm::http::ConnectionRules;
using incm::testing::RawAnswer;
using incm::testing::RawClient;

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

class KeepAliveTest : public testing::Test {
 protected:
    void start(ConnectionRules rules, const ConnectionLimits& limits = {}) {
        rules.refused = [this](const Error& error, const std::string&) {
            if (error.text.find("got no answer") != std::string::npos)
                crossed_.set_value(error.text);
        };
        server_ = std::make_unique<incm::http::Server>(
            incm::http::ServerOptions{
                .host = "127.0.0.1", .port = 0, .rules = std::move(rules), .limits = limits},
            [](auto&, auto& response) { response.send(200, "text/plain", "hello"); });
        ASSERT_TRUE(server_->start().ok());
    }
    std::uint16_t port() const { return server_->port(); }
    std::string headers_of(const std::string& request) const {
        RawClient client(port());
        client.send(request);
        return client.receive().headers;
    }

    std::promise<std::string> crossed_;
    std::unique_ptr<incm::http::Server> server_;
};

TEST_F(KeepAliveTest, AKeptAnswerPromisesALittleLessSilenceThanThereIs) {
    for (const auto& [keep_alive_ms, promised] : {std::pair{620'000, "Keep-Alive: timeout=615\r\n"},
                                                  std::pair{15'000, "Keep-Alive: timeout=11\r\n"},
                                                  std::pair{2000, "Keep-Alive: timeout=1\r\n"}}) {
        start({.keep_alive_ms = keep_alive_ms});
        EXPECT_NE(headers_of(kGet).find(promised), std::string::npos) << headers_of(kGet);
    }
    start({.keep_alive_ms = 1000});
    EXPECT_EQ(headers_of(kGet).find("Keep-Alive:"), std::string::npos) << "less than a second";
    start({});
    const std::string last = headers_of("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(last.find("Keep-Alive"), std::string::npos);
    EXPECT_NE(last.find("Connection: Close\r\n"), std::string::npos);
}

TEST_F(KeepAliveTest, ASilentConnectionOfAnAddressGivesWayToItsNextConnection) {
    start({.uncounted = {}}, {.per_address = 1});
    RawClient silent(port());
    silent.send(kGet);
    EXPECT_EQ(silent.receive().status, 200);
    for (int status = 503; status != 200;) {  // until it was silent for a short time
        RawClient next(port());
        next.send(kGet);
        status = next.receive().status;
    }
    EXPECT_TRUE(silent.at_end());
}

TEST_F(KeepAliveTest, ARequestThatCrossesTheEndOfItsConnectionIsLogged) {
    start({.keep_alive_ms = 50});
    RawClient client(port());
    client.send(kGet);
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_TRUE(client.at_end());
    client.send(kGet);
    EXPECT_NE(crossed_.get_future().get().find("keep_alive must be longer"), std::string::npos);
}

}  // namespace
