#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "inbox/folder.h"
#include "raw_client.h"
#include <Poco/Net/ServerSocket.h>
#include <gtest/gtest.h>

#include "incm/auth/signature.h"
#include "incm/receiver/receiver.h"

namespace {

using incm::testing::RawClient;

class NoLog final : public incm::base::LogSink {
 public:
    void write(incm::base::LogLevel, std::string_view) noexcept override {}
};

const incm::base::Secret kSecret("topsecret");

/// A whole life of a receiver with senders, silent clients, a scraper and a fetcher, for the thread
/// sanitizer: `./dev tsan` repeats it.
class StartStopTest : public ::testing::Test {
 protected:
    StartStopTest() {
        incm::receiver::Config& config = config_;
        config.listen = {"127.0.0.1", 0};
        config.admin = incm::receiver::Address{"127.0.0.1", 0};
        config.inbox_url = "sqlite:" + (folder_ / "inbox.db");
        config.endpoints = {{"/webhook", {kSecret}}};
        config.routes = {{"all", {}}};
        receiver_ = std::make_unique<incm::receiver::Receiver>(config, log_);
    }

    /// Send requests on one connection until the server ends it.
    template <typename Request>
    void exchange_until_the_end(std::uint16_t port, Request request) {
        try {
            RawClient client(port);
            for (int i = 0;; ++i) {
                client.send(request(i));
                if (client.receive().status == 0) return;
                ++answers_;
            }
        } catch (const Poco::Exception&) {
            return;  // the stop has reset the connection
        }
    }

    void send_alerts(int sender) {
        exchange_until_the_end(receiver_->listen_address().port, [sender](int i) {
            const std::string body =
                R"({"_id": ")" + std::to_string(sender) + "-" + std::to_string(i) + R"("})";
            return "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Signature: " +
                   incm::auth::sign(body, kSecret) +
                   "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        });
    }

    void scrape() {
        exchange_until_the_end(receiver_->admin_address()->port, [](int) {
            return std::string("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        });
    }

    void fetch_and_settle() {
        for (;;) {
            auto fetched = receiver_->inbox().fetch("all", 8, 1000);
            if (!fetched.ok()) return;  // closed
            std::vector<incm::inbox::Settlement> settlements;
            for (const auto& delivery : fetched.value()) {
                ++taken_;
                settlements.push_back({.alert_id = delivery.alert_id,
                                       .plugin = "all",
                                       .outcome = incm::inbox::Outcome::kDelivered});
            }
            receiver_->inbox().settle(std::move(settlements));
        }
    }

    const incm::inbox::test::Folder folder_;
    incm::receiver::Config config_;
    NoLog log_;
    std::unique_ptr<incm::receiver::Receiver> receiver_;
    std::atomic<int> answers_{0};
    std::atomic<int> taken_{0};
};

TEST_F(StartStopTest, UnderLoad) {
    ASSERT_TRUE(receiver_->start().ok());
    const std::uint16_t port = receiver_->listen_address().port;
    RawClient idle(port);
    RawClient slow(port);
    slow.send("POST /webhook HTTP/1.1\r\nHo");
    std::vector<std::thread> threads;
    for (int sender = 0; sender < 4; ++sender) {
        threads.emplace_back([this, sender] { send_alerts(sender); });
    }
    threads.emplace_back([this] { scrape(); });
    threads.emplace_back([this] { fetch_and_settle(); });
    while (answers_ < 40 || taken_ < 10) std::this_thread::yield();
    receiver_->stop_listening(/*grace_ms=*/50);
    receiver_->stop();
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(idle.at_end());
    EXPECT_GE(static_cast<int>(receiver_->counters().accepted()), taken_);
}

TEST_F(StartStopTest, ScrapersThatWaitForTheStartAreAnsweredWhileTheNextListenerIsMade) {
    const Poco::Net::ServerSocket inherited(Poco::Net::SocketAddress("127.0.0.1", 0));
    config_.metrics = incm::receiver::Address{"127.0.0.1", inherited.address().port()};
    config_.metrics_fd = inherited.impl()->sockfd();
    receiver_ = std::make_unique<incm::receiver::Receiver>(config_, log_);
    std::vector<RawClient> scrapers;
    for (int i = 0; i < 8; ++i) {
        scrapers.emplace_back(inherited.address().port());
        scrapers.back().send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    ASSERT_TRUE(receiver_->start().ok());
    for (RawClient& scraper : scrapers) EXPECT_EQ(scraper.receive().status, 200);
}

}  // namespace
