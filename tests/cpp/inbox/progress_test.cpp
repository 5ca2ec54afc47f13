#include <atomic>
#include <thread>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

class InboxProgressTest : public InboxTest {
 protected:
    Progress progress(std::int64_t id, std::int64_t timeout_ms = 0) {
        const auto result = inbox_->wait_processed(id, timeout_ms);
        EXPECT_TRUE(result.ok());
        return result.ok() ? result.value() : Progress::kOpen;
    }
};

TEST_P(InboxProgressTest, ReportsTheStatesOfTheDeliveries) {
    open({"a", "b"});
    append(alert(1));
    EXPECT_EQ(progress(1), Progress::kDone) << "no plugin wants it";
    append(alert(2, {"a", "b"}));
    EXPECT_EQ(progress(2), Progress::kOpen);
    fetch();
    settle(2, Outcome::kDelivered);
    flush();
    EXPECT_EQ(progress(2), Progress::kOpen) << "b has not handled it";
    fetch(1, 0, "b");
    settle(2, Outcome::kRetry, 0, "b");
    flush();
    EXPECT_EQ(progress(2), Progress::kOpen);
    fetch(1, 0, "b");
    settle(2, Outcome::kDelivered, 0, "b");
    flush();
    EXPECT_EQ(progress(2), Progress::kDone);
}

TEST_P(InboxProgressTest, DeadIsNotDone) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    fetch();
    settle(1, Outcome::kDead);
    flush();
    EXPECT_EQ(progress(1, 60'000), Progress::kDead) << "it waited for what cannot come";
}

TEST_P(InboxProgressTest, WaitsForTheLastOne) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    std::thread worker([&] {
        fetch(1, 60'000);
        settle(1, Outcome::kDelivered);
        fetch(1, 60'000, "b");
        settle(1, Outcome::kDelivered, 0, "b");
    });
    std::thread repeat([&] { EXPECT_EQ(progress(1, 60'000), Progress::kDone); });
    EXPECT_EQ(progress(1, 60'000), Progress::kDone);
    worker.join();
    repeat.join();
}

TEST_P(InboxProgressTest, CloseEndsTheWait) {
    open();
    append_range(1, 1);
    std::atomic<bool> started{false};
    std::thread waiter([&] {
        started = true;
        const auto result = inbox_->wait_processed(1, 60'000);
        EXPECT_TRUE(!result.ok() || result.value() == Progress::kOpen);
    });
    while (!started) {
        std::this_thread::yield();
    }
    inbox_->close();
    waiter.join();
}

INCM_FOR_EVERY_INBOX(InboxProgressTest);

}  // namespace
}  // namespace incm::inbox::test
