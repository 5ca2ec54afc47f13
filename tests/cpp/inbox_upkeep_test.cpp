#include <thread>

#include "inbox_support.h"

#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/recovery.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::test {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

class InboxUpkeepTest : public InboxTest {
 protected:
    void open_keeping(std::int64_t retention_ms) {
        inbox_.reset();
        use(open_at(path(), {{{"a"}, {"b"}}, retention_ms, 0, clock_.source()}));
    }
    void open_reserving(std::int64_t reserve_bytes) {
        inbox_.reset();
        use(open_at(path(), {{{"a"}}, 0, reserve_bytes, clock_.source()}));
    }
    Ids kept() {
        close();
        Ids ids;
        for (const std::string& row : rows(path(), "SELECT id FROM alert ORDER BY id")) {
            ids.push_back(std::stoll(row));
        }
        return ids;
    }
};

TEST_F(InboxUpkeepTest, DeliveredAlertsArePrunedAfterTheirTime) {
    open_keeping(kDayMs);
    append_range(1, 3);
    append(alert(4));  // wanted by no plugin
    take();
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDead);
    flush();  // alert 5
    clock_.pass(kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0) << "pruned before its time";
    append(alert(6));
    clock_.pass(1);
    EXPECT_EQ(inbox_->tidy(), 3);
    EXPECT_EQ(counts().alerts, 3);
    EXPECT_EQ(kept(), (Ids{2, 3, 6})) << "what is not delivered, or too young, stays";
    EXPECT_EQ(rows(path(), "SELECT alert_id FROM attempt"), std::vector<std::string>{"2"});
}

TEST_F(InboxUpkeepTest, PrunedContentIsStillADuplicate) {
    open_keeping(kDayMs);
    append(alert(1));
    clock_.pass(kDayMs + 1);
    ASSERT_EQ(inbox_->tidy(), 1);
    const Stored again = append(alert(1));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.id, 1);
    EXPECT_EQ(append(alert(2)).id, 2) << "a pruned number came back";
}

TEST_F(InboxUpkeepTest, WallClockJumpsPruneNothing) {
    open_keeping(kDayMs);
    append(alert(1));
    clock_.wall_ms += 400 * kDayMs;
    EXPECT_EQ(inbox_->tidy(), 0);
}

TEST_F(InboxUpkeepTest, LaterDeliveredIsPrunedLater) {
    open_keeping(kDayMs);
    append_range(1, 1);
    take();
    clock_.pass(2 * kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0);
    settle(1, Outcome::kDelivered);
    inbox_->counts().ok() ? flush() : void();
    EXPECT_EQ(inbox_->tidy(), 1);
}

TEST_F(InboxUpkeepTest, PrunesMoreThanOneStepHolds) {
    open_keeping(kDayMs);
    for (std::uint64_t number = 1; number <= 450; ++number) {
        append(alert(number));
    }
    clock_.pass(kDayMs + 1);
    EXPECT_EQ(inbox_->tidy(), 450);
    EXPECT_EQ(counts().alerts, 0);
}

TEST_F(InboxUpkeepTest, StepsOfLargeAlertsAreShorter) {
    open_keeping(kDayMs);
    for (std::uint64_t number = 1; number <= 10; ++number) {
        NewAlert large = alert(number);
        large.text.assign(1024 * 1024, ' ');
        append(std::move(large));
    }
    close();
    clock_.pass(kDayMs + 1);
    const auto database = open_writer(path(), std::nullopt, log_);
    Tables tables(*database);
    tables.begin(stored_clock_ms(*database) + kDayMs + 1);
    const Tables::Pruned step = tables.prune(0, kDayMs);
    tables.rollback();
    EXPECT_EQ(step.pruned, 2);
    EXPECT_TRUE(step.more);
}

TEST_F(InboxUpkeepTest, NothingIsPrunedWithoutARetention) {
    open();
    append(alert(1));
    clock_.pass(10'000 * kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0);
}

TEST_F(InboxUpkeepTest, RefusesBelowTheReserve) {
    open_reserving(std::int64_t{1} << 60);
    const auto refused = inbox_->append(alert(1));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kDiskLow);
    EXPECT_EQ(inbox_->quarantine().keep({}).error().code, base::ErrorCode::kDiskLow);
    EXPECT_TRUE(inbox_->disk_use().low);
    EXPECT_GT(inbox_->disk_use().free_bytes, 0);
    EXPECT_TRUE(log_.has("nearly full"));
    EXPECT_EQ(counts().alerts, 0);
}

TEST_F(InboxUpkeepTest, DeliveriesGoOnBelowTheReserve) {
    open();
    append_range(1, 1);
    open_reserving(std::int64_t{1} << 60);
    ASSERT_EQ(take_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    close();
    EXPECT_EQ(rows(path(), "SELECT outcome FROM attempt"), std::vector<std::string>{"delivered"});
}

TEST_F(InboxUpkeepTest, ChecksTheFileAfterAFailedDisk) {
    open();
    append_range(1, 1);
    close();
    write_bytes(path() + ".check", "");
    open();
    EXPECT_TRUE(log_.has("checking all of it"));
    EXPECT_TRUE(log_.has("the inbox is whole"));
    EXPECT_EQ(take_ids(), Ids{1});
    EXPECT_FALSE(std::filesystem::exists(path() + ".check"));
}

TEST_F(InboxUpkeepTest, RefusesAFileThatFailsTheCheck) {
    open();
    append_range(1, 300);
    close();
    std::string bytes = read_bytes(path());
    const std::size_t pages = bytes.size() / 4096;
    for (std::size_t page = 2; page < pages; ++page) {
        bytes[page * 4096 + 3] = '\x7f';  // the number of cells of a page
    }
    write_bytes(path(), bytes);
    write_bytes(path() + ".check", "");
    const auto opened = try_open();
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_NE(opened.error().text.find("damaged"), std::string::npos) << opened.error().text;
    EXPECT_TRUE(std::filesystem::exists(path() + ".check")) << "the next start would not check";
}

class InboxProgressTest : public InboxTest {
 protected:
    Progress progress(std::int64_t id, std::int64_t timeout_ms = 0) {
        const auto result = inbox_->wait_processed(id, timeout_ms);
        EXPECT_TRUE(result.ok());
        return result.ok() ? result.value() : Progress::kOpen;
    }
};

TEST_F(InboxProgressTest, TellsHowTheDeliveriesStand) {
    open({"a", "b"});
    append(alert(1));
    EXPECT_EQ(progress(1), Progress::kDone) << "no plugin wants it";
    append(alert(2, {"a", "b"}));
    EXPECT_EQ(progress(2), Progress::kOpen);
    take();
    settle(2, Outcome::kDelivered);
    flush();
    EXPECT_EQ(progress(2), Progress::kOpen) << "b has not handled it";
    take(1, 0, "b");
    settle(2, Outcome::kRetry, 0, "b");
    flush();
    EXPECT_EQ(progress(2), Progress::kOpen);
    take(1, 0, "b");
    settle(2, Outcome::kDelivered, 0, "b");
    flush();
    EXPECT_EQ(progress(2), Progress::kDone);
}

TEST_F(InboxProgressTest, DeadIsNotDone) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    take();
    settle(1, Outcome::kDead);
    flush();
    EXPECT_EQ(progress(1, 60'000), Progress::kDead) << "it waited for what cannot come";
}

TEST_F(InboxProgressTest, WaitsForTheLastOne) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    std::thread worker([&] {
        take(1, 60'000);
        settle(1, Outcome::kDelivered);
        take(1, 60'000, "b");
        settle(1, Outcome::kDelivered, 0, "b");
    });
    std::thread repeat([&] { EXPECT_EQ(progress(1, 60'000), Progress::kDone); });
    EXPECT_EQ(progress(1, 60'000), Progress::kDone);
    worker.join();
    repeat.join();
}

TEST_F(InboxProgressTest, CloseEndsTheWait) {
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

}  // namespace
}  // namespace incm::inbox::test
