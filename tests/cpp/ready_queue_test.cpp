#include "incm/http/ready_queue.h"

#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using incm::http::Connection;
using incm::http::ReadyQueue;

class ReadyQueueTest : public testing::Test {
 protected:
    ~ReadyQueueTest() override {
        for (const int client : clients_) ::close(client);
    }
    /// Put one connection in. Returns it.
    const Connection* push() {
        std::array<int, 2> pair{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
        clients_.push_back(pair[1]);
        auto connection =
            std::make_unique<Connection>(std::make_unique<incm::net::Transport>(pair[0]),
                                         incm::net::IpAddress(), 1, rules_, budget_);
        const Connection* const pushed = connection.get();
        EXPECT_TRUE(queue_.push(connection));
        return pushed;
    }

    incm::http::ConnectionRules rules_;
    incm::http::ByteBudget budget_{1024};
    std::mutex mutex_;
    std::unique_lock<std::mutex> lock_{mutex_};
    ReadyQueue queue_;
    std::vector<int> clients_;
};

TEST_F(ReadyQueueTest, HandsOutInTheOrderOfComing) {
    queue_.expect_worker(true);
    queue_.expect_worker(true);
    const Connection* const first = push();
    const Connection* const second = push();
    EXPECT_EQ(queue_.pop(lock_).get(), first);
    EXPECT_EQ(queue_.pop(lock_).get(), second);
    EXPECT_TRUE(queue_.is_empty());
}

TEST_F(ReadyQueueTest, WantsAWorkerForAConnectionThatNoneIsFreeFor) {
    EXPECT_EQ(queue_.wanted_workers(), 0U);
    push();
    EXPECT_EQ(queue_.wanted_workers(), 1U);
    queue_.expect_worker(true);
    EXPECT_EQ(queue_.wanted_workers(), 0U);
    push();
    EXPECT_EQ(queue_.wanted_workers(), 1U);
    queue_.expect_worker(true);
    queue_.expect_worker(false);  // it could not be started
    EXPECT_EQ(queue_.wanted_workers(), 1U);
}

TEST_F(ReadyQueueTest, IsCrowdedWhileMoreWaitThanWorkersAreFree) {
    queue_.expect_worker(true);
    push();
    EXPECT_FALSE(queue_.is_crowded());
    push();
    EXPECT_TRUE(queue_.is_crowded());
    EXPECT_NE(queue_.pop(lock_), nullptr);
    EXPECT_TRUE(queue_.is_crowded()) << "the worker is not free any more";
    queue_.worker_is_free();
    EXPECT_NE(queue_.pop(lock_), nullptr);
    EXPECT_FALSE(queue_.is_crowded());
}

TEST_F(ReadyQueueTest, HandsOutNothingOnceItIsClosed) {
    queue_.expect_worker(true);
    push();
    queue_.close();
    EXPECT_EQ(queue_.pop(lock_), nullptr);
}

}  // namespace
