#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "raw_client.h"
#include <Poco/Net/ServerSocket.h>
#include <gtest/gtest.h>

#include "incm/base/clock.h"
#include "incm/http/connection_manager.h"
#include "incm/http/exchange.h"

namespace {

using incm::http::Connection;
using incm::http::ConnectionManager;
using incm::http::ConnectionRules;
using incm::testing::RawClient;

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A connection manager that looks only when a test lets it, so that a test can speak while it
/// looks away.
class ConnectionManagerLateTest : public testing::Test {
 protected:
    /// Two clients have had an answer, and the first one waits in the manager; the worker that has
    /// the second one goes on with let_go().
    void start(const ConnectionRules& rules) {
        manager_ =
            std::make_unique<ConnectionManager>(rules, incm::http::ConnectionLimits{}, nullptr);
        manager_->open(listener_.impl()->sockfd());
        first_ = connect();
        second_ = connect();
        static_cast<void>(manager_->wait(30'000));  // they come in
        while (manager_->wait(30'000) < 1 || manager_->open_connections() < 2) {
        }
        manager_->expect_worker(true);
        worker_ = std::thread([this] { work(); });
        second_popped_.get_future().get();
        EXPECT_EQ(first_->receive().status, 200);
    }
    void let_go() { go_.set_value(); }

    void TearDown() override {
        manager_->close();
        worker_.join();
    }

    std::unique_ptr<ConnectionManager> manager_;
    std::unique_ptr<RawClient> first_;

 private:
    std::unique_ptr<RawClient> connect() {
        auto client = std::make_unique<RawClient>(listener_.address().port());
        client->send(kGet);
        return client;
    }

    void work() {
        const incm::http::Answer answer = [](auto&, auto& response) {
            response.send(200, "text/plain", "hello");
        };
        std::unique_ptr<Connection> connection = manager_->pop_ready();
        for (int count = 1; connection; ++count) {
            if (count == 2) {
                second_popped_.set_value();
                go_.get_future().get();
            }
            const bool has_more = serve(connection, answer, *manager_);
            connection = manager_->exchange(std::move(connection), has_more);
        }
    }

    Poco::Net::ServerSocket listener_{Poco::Net::SocketAddress("127.0.0.1", 0)};
    std::unique_ptr<RawClient> second_;
    std::promise<void> second_popped_;
    std::promise<void> go_;
    std::thread worker_;
};

TEST_F(ConnectionManagerLateTest, ADrainAnswersWhatHasArrived) {
    start({});
    first_->send(kGet);
    manager_->drain(0);
    let_go();
    const auto answer = first_->receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.headers.find("Connection: Close"), std::string::npos);
}

TEST_F(ConnectionManagerLateTest, WhatArrivedInTimeIsAnsweredHoweverLateItIsSeen) {
    start({.keep_alive_ms = 1});
    first_->send(kGet);
    const std::int64_t sent_ms = incm::base::now().steady_ms;
    while (incm::base::now().steady_ms < sent_ms + 300) std::this_thread::yield();
    static_cast<void>(manager_->wait(0));
    let_go();
    EXPECT_EQ(first_->receive().status, 200);
}

}  // namespace
