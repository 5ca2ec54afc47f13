#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "raw_client.h"
#include <Poco/Net/NetException.h>
#include <gtest/gtest.h>

#include "incm/http/server.h"

namespace {

using incm::http::ConnectionLimits;
using incm::http::ConnectionRules;
using incm::http::Response;
using incm::testing::RawClient;

const std::string kLate = "GET /late HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A server that answers 200 with `answer`.
class ConnectionManagerTest : public testing::Test {
 protected:
    void start(ConnectionRules rules, const ConnectionLimits& limits,
               std::string answer = "hello") {
        start(
            std::move(rules), limits, [] {}, std::move(answer));
    }
    void start(ConnectionRules rules, const ConnectionLimits& limits, std::function<void()> before,
               std::string answer = "hello") {
        start(std::move(rules), limits,
              [before = std::move(before), answer = std::move(answer)](auto&, auto& response) {
                  before();
                  response.send(200, "text/plain", answer);
              });
    }
    void start(ConnectionRules rules, const ConnectionLimits& limits, incm::http::Answer answer) {
        rules.refused = [](const incm::base::Error&, const std::string&) {};
        server_ = std::make_unique<incm::http::Server>(
            incm::http::ServerOptions{
                .host = "127.0.0.1", .port = 0, .rules = std::move(rules), .limits = limits},
            std::move(answer));
        ASSERT_TRUE(server_->start().ok());
    }
    /// A server that answers /late when answer_late() is called, and everything else at once.
    void start_late(const ConnectionLimits& limits) {
        start({}, limits, [this](auto& request, auto& response) {
            if (request.target() != "/late") {
                return response.send(200, "text/plain", "at once");
            }
            late_.set_value(std::make_unique<Response>(response.postpone()));
        });
    }
    /// The request for /late that has come; waits for it.
    std::unique_ptr<Response> wait_for_late() {
        std::unique_ptr<Response> answer = late_.get_future().get();
        late_ = {};
        return answer;
    }

    std::uint16_t port() const { return server_->port(); }

    std::promise<std::unique_ptr<Response>> late_;
    std::unique_ptr<incm::http::Server> server_;
};

TEST_F(ConnectionManagerTest, AnAddressGetsSoManyConnections) {
    start({.uncounted = {}}, {.per_address = 2});
    auto first = std::make_unique<RawClient>(port());
    RawClient second(port());
    first->send(kGet);
    second.send(kGet);
    EXPECT_EQ(first->receive().status, 200);
    EXPECT_EQ(second.receive().status, 200);
    auto third = std::make_unique<RawClient>(port());
    EXPECT_EQ(third->receive().status, 503);
    EXPECT_TRUE(third->at_end());
    third.reset();
    first.reset();
    for (int status = 503; status != 200;) {  // until its end is seen
        RawClient fourth(port());
        fourth.send(kGet);
        status = fourth.receive().status;
    }
}

TEST_F(ConnectionManagerTest, AClientThatDoesNotReadItsAnswersHoldsNoWorker) {
    start({.send_timeout_ms = 60'000}, {.workers = 1}, std::string(4 * 1024 * 1024, 'x'));
    RawClient lazy(port());
    for (int i = 0; i < 10; ++i) lazy.send(kGet);
    RawClient good(port());
    good.send(kGet);
    EXPECT_EQ(good.receive().body.size(), 4U * 1024 * 1024);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(lazy.receive().body.size(), 4U * 1024 * 1024);
}

TEST_F(ConnectionManagerTest, AClientThatNeverReadsItsAnswerIsClosed) {
    start({.send_timeout_ms = 50}, {}, std::string(16 * 1024 * 1024, 'x'));
    RawClient lazy(port());
    lazy.send(kGet);
    while (server_->open_connections() == 0) std::this_thread::yield();
    while (server_->open_connections() != 0) std::this_thread::yield();
    EXPECT_THROW(lazy.receive(), Poco::Net::ConnectionResetException)
        << "the kernel must not keep the rest for it";
}

TEST_F(ConnectionManagerTest, AnEmptyLineAfterARequestBeginsNone) {
    start({.header_timeout_ms = 50, .keep_alive_ms = 50}, {});
    RawClient client(port());
    client.send(kGet + "\r\n");
    EXPECT_EQ(client.receive().status, 200);
    EXPECT_TRUE(client.at_end());
}

TEST_F(ConnectionManagerTest, RequestsBegunStayWithinTheirMemory) {
    start({.max_body_bytes = 1024 * 1024}, {.request_bytes = 600'000});
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ";
    RawClient large(port());
    large.send(head + "700000\r\n\r\n" + std::string(699'999, 'x'));
    EXPECT_EQ(large.receive().status, 503);  // while it is not even whole
    RawClient other(port());                 // what the refused one held is free again
    other.send(head + "500000\r\n\r\n" + std::string(500'000, 'x'));
    EXPECT_EQ(other.receive().status, 200);
}

TEST_F(ConnectionManagerTest, TheSlowestLargeRequestGoesBeforeThereIsNoMemoryForOthers) {
    start({.max_body_bytes = 1024 * 1024}, {.request_bytes = 800'000});
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ";
    RawClient small(port());
    small.send(head + "100\r\n\r\nbegun");
    RawClient slow(port());
    slow.send(head + "750001\r\n\r\n" + std::string(750'000, 'x'));
    EXPECT_EQ(slow.receive().status, 503);
    RawClient good(port());
    good.send(head + "500000\r\n\r\n" + std::string(500'000, 'x'));
    EXPECT_EQ(good.receive().status, 200);
    small.send(std::string(95, 'x'));
    EXPECT_EQ(small.receive().status, 200);
}

TEST_F(ConnectionManagerTest, AClientThatSendsWithoutEndKeepsNoOtherOut) {
    start({}, {.workers = 1});
    std::atomic<bool> enough{false};
    RawClient greedy(port());
    std::string many;
    for (int i = 0; i < 1000; ++i) many += kGet;
    std::thread sends([&] {
        while (!enough) greedy.send(many);
        greedy.finish_sending();
    });
    std::thread reads([&] {
        while (greedy.receive().status == 200) {
        }
    });
    RawClient good(port());
    for (int i = 0; i < 100; ++i) {
        good.send(kGet);
        EXPECT_EQ(good.receive().status, 200);
    }
    enough = true;
    sends.join();
    reads.join();
}

TEST_F(ConnectionManagerTest, ManyAtOnceGetAWorkerEach) {
    constexpr int kMany = 20;
    std::latch all(kMany);
    start({}, {}, [&] { all.arrive_and_wait(); });
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < kMany; ++i) clients.push_back(std::make_unique<RawClient>(port()));
    for (auto& client : clients) client->send(kGet);
    for (auto& client : clients) EXPECT_EQ(client->receive().status, 200);
}

TEST_F(ConnectionManagerTest, HeadGetsTheLengthOfABodyAndNoBody) {
    start({}, {});
    RawClient client(port());
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const auto answer = client.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.headers.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_NE(answer.headers.find("Connection: Close\r\n"), std::string::npos);
    EXPECT_EQ(answer.body, "");
}

TEST_F(ConnectionManagerTest, AClientThatWaitsForALateAnswerHoldsNoWorker) {
    start_late({.workers = 1});
    RawClient patient(port());
    patient.send(kLate);
    auto answer = wait_for_late();
    RawClient other(port());
    other.send(kGet);
    EXPECT_EQ(other.receive().body, "at once");
    answer->send(202, "text/plain", "late");
    const auto received = patient.receive();
    EXPECT_EQ(received.status, 202);
    EXPECT_EQ(received.body, "late");
    EXPECT_NE(received.headers.find("Content-Type: text/plain"), std::string::npos);
    EXPECT_NE(received.headers.find("Date: "), std::string::npos);
    patient.send(kGet);
    EXPECT_EQ(patient.receive().body, "at once");
}

TEST_F(ConnectionManagerTest, ALateAnswerComesBeforeThatOfTheNextRequest) {
    start_late({});
    RawClient client(port());
    client.send(kLate + kGet + kLate);
    wait_for_late()->send(200, "text/plain", "first");
    EXPECT_EQ(client.receive().body, "first");
    EXPECT_EQ(client.receive().body, "at once");
    wait_for_late()->send_problem({incm::base::ErrorCode::kStoreFailed, "no"});
    const auto received = client.receive();
    EXPECT_EQ(received.status, 503);
    EXPECT_NE(received.headers.find("Retry-After: "), std::string::npos);
}

TEST_F(ConnectionManagerTest, ALateAnswerMayBeTheLast) {
    start_late({});
    RawClient client(port());
    client.send("GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + kGet);
    wait_for_late()->send(200, "text/plain", "last");
    EXPECT_EQ(client.receive().body, "last");
    EXPECT_TRUE(client.at_end());
}

TEST_F(ConnectionManagerTest, WithoutItsLateAnswerAConnectionEnds) {
    start_late({});
    RawClient client(port());
    client.send(kLate);
    wait_for_late().reset();
    EXPECT_TRUE(client.at_end());
}

TEST_F(ConnectionManagerTest, AnIdleOneGoesBeforeARequestThatHasJustBegun) {
    start({}, {.connections = 2});
    RawClient idle(port());
    idle.send(kGet);
    EXPECT_EQ(idle.receive().status, 200);
    RawClient begun(port());
    begun.send(kGet.substr(0, 9));
    RawClient newcomer(port());
    newcomer.send(kGet);
    EXPECT_EQ(newcomer.receive().status, 200);
    EXPECT_TRUE(idle.at_end());
    begun.send(kGet.substr(9));
    EXPECT_EQ(begun.receive().status, 200);
}

TEST_F(ConnectionManagerTest, WithoutAnyAnswerAConnectionEnds) {
    start({.keep_alive_ms = 3'600'000}, {}, incm::http::Answer([](auto&, auto&) {}));
    RawClient client(port());
    client.send(kGet);
    EXPECT_TRUE(client.at_end());
}

TEST_F(ConnectionManagerTest, AStopWaitsForLateAnswers) {
    start_late({});
    RawClient patient(port());
    patient.send(kLate);
    auto answer = wait_for_late();
    RawClient idle(port());
    idle.send(kGet);
    EXPECT_EQ(idle.receive().status, 200);
    auto stopped = std::async(std::launch::async, [&] { server_.reset(); });
    EXPECT_TRUE(idle.at_end());
    answer->send(200, "text/plain", "late");  // into a connection manager that still is there
    stopped.get();
    EXPECT_EQ(patient.receive().body, "late");
}

TEST_F(ConnectionManagerTest, ADrainSendsLateAnswers) {
    start_late({});
    RawClient patient(port());
    patient.send(kLate);
    auto answer = wait_for_late();
    RawClient idle(port());
    idle.send(kGet);
    EXPECT_EQ(idle.receive().status, 200);
    auto drained = std::async(std::launch::async, [&] { server_->drain(60'000); });
    EXPECT_TRUE(idle.at_end());
    answer->send(200, "text/plain", "late");
    const auto received = patient.receive();
    EXPECT_EQ(received.body, "late");
    EXPECT_NE(received.headers.find("Connection: Close"), std::string::npos);
    EXPECT_TRUE(patient.at_end());
    drained.get();
}

TEST_F(ConnectionManagerTest, ADrainAnswersWhatHasBegun) {
    start({}, {});
    RawClient begun(port());
    begun.send(kGet.substr(0, 9));
    RawClient idle(port());
    idle.send(kGet);
    EXPECT_EQ(idle.receive().status, 200);
    auto drained = std::async(std::launch::async, [&] { server_->drain(60'000); });
    EXPECT_TRUE(idle.at_end());
    begun.send(kGet.substr(9));
    const auto answer = begun.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.headers.find("Connection: Close"), std::string::npos);
    drained.get();
}

}  // namespace
