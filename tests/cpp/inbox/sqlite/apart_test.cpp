#include <csignal>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "sqlite_fixture.h"
#include <sys/resource.h>

#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/file_lock.h"
#include "incm/inbox/sqlite/file_watch.h"
#include "incm/inbox/sqlite/last_commit.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite::test {
namespace {

/// What can never be stored, beside what can.
class InboxApartTest : public SqliteInboxTest {
 protected:
    /// An open inbox with alerts 1 to 3, and an attempt in the ledger that alert 1 is yet to make:
    /// its settlement cannot be stored.
    void open_with_a_contradiction(bool by_device = false) {
        open();
        append_range(1, 3);
        close();
        run_sql(path(), "INSERT INTO attempt VALUES(1, 1, 1, 0, 0, 0, 'retry', 'made up')");
        by_device ? open_by_device() : open();
    }
    static Operation::List list_of(std::unique_ptr<Operation> operation) {
        Operation::List list;
        list.push_back(std::move(operation));
        return list;
    }
};

TEST_F(InboxApartTest, ASettlementThatCannotBeStoredKeepsNothingElseFromBeingStored) {
    open_with_a_contradiction();
    ASSERT_EQ(fetch_ids(), (Ids{1, 2, 3}));
    inbox_->settle({{1, "a", Outcome::kRetry, 0, 7, "why"},
                    {2, "a", Outcome::kDelivered},
                    {3, "a", Outcome::kDelivered}});
    append(alert(4, {"a"}));
    append(alert(5, {"a"}));
    EXPECT_EQ(counts().open, 3) << "1, 4 and 5";
    EXPECT_TRUE(
        log_.has("the settlement of alert 1 by plugin a is set apart: it cannot be stored, "
                 "so the delivery is made again after the next start"));
    EXPECT_EQ(fetch_ids(), (Ids{4, 5})) << "it was made, so it is not made again at once";
    settle(4, Outcome::kDelivered);
    settle(5, Outcome::kDelivered);
    open();
    EXPECT_EQ(counts().open, 1);
    clock_.pass(2000);
    const auto again = fetch();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].alert_id, 1);
    EXPECT_EQ(again[0].attempt, 3) << "the next one that the ledger does not know";
    settle(1, Outcome::kDelivered);
    open();
    EXPECT_EQ(counts().open, 0);
}

TEST_F(InboxApartTest, ADeviceGoesOnWithoutItsDeliveryThatIsSetApart) {
    open_with_a_contradiction(true);
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    flush();
    for (const std::int64_t id : {2, 3}) {
        ASSERT_EQ(fetch_ids(), Ids{id});
        settle(id, Outcome::kDelivered);
        flush();
    }
    EXPECT_EQ(fetch_ids(), Ids{}) << "it was made, so it is not made again at once";
    open_by_device();
    clock_.pass(2000);
    ASSERT_EQ(fetch_ids(), Ids{1});
}

TEST_F(InboxApartTest, AReturnThatCannotBeStoredLeavesItsDeliveryToBeFetched) {
    open();
    append_range(1, 2);
    close();
    run_sql(path(),
            "CREATE TRIGGER refused BEFORE DELETE ON lease BEGIN"
            " SELECT RAISE(ABORT, 'made up'); END");
    open();
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    inbox_->give_back("a", Ids{1, 2});
    append(alert(3, {"a"}));
    append(alert(4, {"a"}));
    EXPECT_TRUE(log_.has("the return of alert 2 by plugin a is set apart"));
    EXPECT_EQ(fetch_ids(), (Ids{1, 2, 3, 4}));
}

TEST_F(InboxApartTest, ARefusedRequestThatTheDiskRefusedIsKeptLater) {
    open();
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{1, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    QuarantinedRequest rejected{};
    rejected.kind = QuarantineKind::kWrongSignature;
    rejected.source = "192.0.2.1";
    rejected.body = "{}";
    const bool will_be_kept =
        inbox_->quarantine().keep_later(std::move(rejected), [] { FAIL() << "it is kept"; });
    const auto refused = inbox_->append(alert(1));
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(will_be_kept);
    EXPECT_FALSE(refused.ok());
    flush();
    EXPECT_EQ(counts().quarantined.total(), 1);
}

TEST_F(InboxApartTest, ARefusedRequestThatCannotBeStoredIsCounted) {
    open();
    close();
    run_sql(path(),
            "CREATE TRIGGER refused BEFORE INSERT ON quarantine BEGIN"
            " SELECT RAISE(ABORT, 'made up'); END");
    open();
    QuarantinedRequest rejected{};
    rejected.kind = QuarantineKind::kWrongSignature;
    rejected.endpoint = "/alerts";
    rejected.peer = "192.0.2.1";
    int not_kept = 0;
    EXPECT_TRUE(inbox_->quarantine().keep_later(std::move(rejected), [&] { ++not_kept; }));
    flush();
    EXPECT_EQ(not_kept, 1);
    EXPECT_TRUE(
        log_.has("a refused request to /alerts from 192.0.2.1 is not kept in the "
                 "quarantine (the inbox cannot store: made up)"));
}

/// Records its result; runs `body`, which may fail.
class Step final : public Operation {
 public:
    struct Record {
        int made = 0;
        std::string error;
        std::promise<void> end;
    };
    Step(Record& record, std::function<void()> body) : record_(record), body_(std::move(body)) {}
    void execute(Tables& /*tables*/) override { body_(); }
    void committed() noexcept override {
        ++record_.made;
        record_.end.set_value();
    }
    void failed(const base::Error& error) noexcept override {
        record_.error = error.text;
        record_.end.set_value();
    }

 private:
    Record& record_;
    const std::function<void()> body_;
};

/// The writer by itself, held while a batch is put together.
class WriterTest : public InboxApartTest {
 protected:
    void SetUp() override {
        lock_.emplace(path() + ".lock");
        database_ = open_writer(path(), std::nullopt, log_);
        note_.emplace(*lock_, LastCommit::of(*database_, 0));
        writer_.emplace(*database_, inbox_clock_, *note_, watch_, state_, log_, [] {});
        writer_->submit(std::make_unique<Step>(gate_, [this] {
            held_.set_value();
            let_go_.get_future().wait();
        }));
        held_.get_future().wait();
    }
    void post(Step::Record& record, std::function<void()> body) {
        writer_->post(list_of(std::make_unique<Step>(record, std::move(body))));
    }
    void submit(Step::Record& record, std::function<void()> body) {
        writer_->submit(std::make_unique<Step>(record, std::move(body)));
    }
    void let_go() { let_go_.set_value(); }

    const InboxClock inbox_clock_{clock_.source(), 0};
    FileWatch watch_{path(), log_};
    StoreState state_{path(), log_};
    std::optional<FileLock> lock_;
    std::unique_ptr<Database> database_;
    std::optional<CommitNote> note_;
    std::optional<Writer> writer_;
    Step::Record gate_;
    std::promise<void> held_, let_go_;
};

TEST_F(WriterTest, WhatFailsFailsAloneWithItsOwnError) {
    Step::Record good[5];
    Step::Record bad[2];
    submit(good[0], [] {});
    post(good[1], [] {});
    submit(bad[0], [] { throw std::runtime_error("the first"); });
    post(bad[1], [] { throw std::runtime_error("the second"); });
    post(good[2], [] {});
    submit(good[3], [] {});
    submit(good[4], [] {});
    let_go();
    for (Step::Record& record : good) {
        record.end.get_future().wait();
        EXPECT_EQ(record.made, 1);
    }
    for (Step::Record& record : bad) {
        record.end.get_future().wait();
    }
    EXPECT_EQ(bad[0].error, "the inbox cannot store: the first");
    EXPECT_EQ(bad[1].error, "the inbox cannot store: the second");
}

TEST_F(WriterTest, AThreadThatWaitsGetsItsOwnError) {
    let_go();
    Step::Record bad;
    Step::Record good;
    Step failing(bad, [] { throw std::runtime_error("mine"); });
    EXPECT_EQ(writer_->run(failing).error().text, "the inbox cannot store: mine");
    Step other(good, [] {});
    EXPECT_TRUE(writer_->run(other).ok());
}

TEST_F(WriterTest, WhatLackedMemoryIsTriedAgainAlone) {
    Step::Record short_of_memory;
    Step::Record other;
    Step::Record later;
    int times = 0;
    post(short_of_memory, [&] {
        if (++times <= 2) throw std::bad_alloc();
    });
    submit(other, [] {});
    let_go();
    other.end.get_future().wait();
    submit(later, [] {});
    later.end.get_future().wait();
    short_of_memory.end.get_future().wait();
    EXPECT_EQ(short_of_memory.made, 1);
    EXPECT_EQ(times, 3) << "with the others, in a part of them, and alone";
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
