#include <csignal>
#include <deque>
#include <future>

#include "sqlite_fixture.h"
#include <sys/wait.h>
#include <unistd.h>

#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/dedupe_index.h"
#include "incm/inbox/sqlite/recovery.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite::test {
namespace {

constexpr std::uint64_t kMany = 10'000;  ///< more than two generations of keys
constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

/// Dedupe keys that the index gets later than the alerts are stored.
class InboxSeenTest : public SqliteInboxTest {
 protected:
    static constexpr const char* kIndexed = "SELECT count(*) FROM seen";
    /// What a crash would leave.
    static constexpr const char* kKnown =
        "WITH RECURSIVE one(id, others) AS"
        " (SELECT first_alert_id, length(keys) / 32 - 1 FROM fresh"
        "  UNION ALL SELECT id + 1, others - 1 FROM one WHERE others > 0)"
        " SELECT count(*) FROM (SELECT id FROM one UNION SELECT alert_id FROM seen)";

    /// Append the alerts with the numbers first..last; what became of each.
    std::vector<base::Result<Stored>> append_all(std::uint64_t first, std::uint64_t last) {
        std::vector<std::promise<base::Result<Stored>>> results(last - first + 1);
        for (std::uint64_t number = first; number <= last; ++number) {
            inbox_->append_later(alert(number),
                                 std::make_unique<Promised>(results[number - first]));
        }
        std::vector<base::Result<Stored>> stored;
        for (auto& one : results) {
            stored.push_back(one.get_future().get());
        }
        return stored;
    }
    void append_many(std::uint64_t first, std::uint64_t last) {
        for (const base::Result<Stored>& stored : append_all(first, last)) {
            ASSERT_TRUE(stored.ok()) << stored.error().text;
            ASSERT_FALSE(stored.value().duplicate);
        }
    }
    /// Each alert of 1..last is a duplicate of the one with its number.
    void expect_remembered(std::uint64_t last) {
        std::int64_t number = 0;
        for (const base::Result<Stored>& stored : append_all(1, last)) {
            ++number;
            ASSERT_TRUE(stored.ok() && stored.value().duplicate) << number;
            ASSERT_EQ(stored.value().id, number);
        }
    }
    /// Run in a process that ends without closing anything.
    template <typename Body>
    static void crash_after(Body body) {
        const pid_t child = fork();
        if (child == 0) {
            body();
            kill(getpid(), SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
    }
};

TEST_F(InboxSeenTest, EveryKeyIsRememberedWhereverItIs) {
    open();
    append_many(1, kMany);
    expect_remembered(kMany);
    EXPECT_EQ(counts().alerts, static_cast<std::int64_t>(kMany));
}

TEST_F(InboxSeenTest, ACloseIndexesAll) {
    open();
    append_many(1, kMany);
    close();
    EXPECT_EQ(rows(path(), kIndexed), std::vector<std::string>{std::to_string(kMany)});
    EXPECT_EQ(rows(path(), "SELECT count(*) FROM fresh"), std::vector<std::string>{"0"});
    open();
    expect_remembered(kMany);
}

TEST_F(InboxSeenTest, ACrashForgetsNoKey) {
    // In memory only, on its way into the index, and with a part of it there.
    std::uint64_t first = 1;
    for (const std::uint64_t last : {10U, 4'200U, 9'000U, 14'500U, 21'000U}) {
        crash_after([&] {
            open();
            append_many(first, last);
        });
        open();
        expect_remembered(last);
        close();
        first = last + 1;
    }
    EXPECT_EQ(rows(path(), kIndexed), std::vector<std::string>{"21000"});
}

TEST_F(InboxSeenTest, TheLaterOfTwoWithOneKeyIsRememberedAfterACrash) {
    const auto append_short = [&](std::uint64_t number) {
        NewAlert made = alert(number);
        made.duplicate_for_ever = false;
        return append(std::move(made)).id;
    };
    open();
    append_short(1);
    close();  // that one is in the index
    clock_.pass(kShortDedupeMs + 1);
    crash_after([&] {
        open();
        append_short(1);
        append_short(2);
        clock_.pass(kShortDedupeMs + 1);
        append_short(2);
    });
    clock_.pass(kShortDedupeMs + 1);
    open();
    EXPECT_EQ(append(alert(1)).id, 2);
    EXPECT_EQ(append(alert(2)).id, 4);
    EXPECT_EQ(append_short(2), 4) << "with its time";
}

/// The tables without the writer's thread.
class TablesSeenTest : public InboxSeenTest {
 protected:
    void SetUp() override {
        open();
        close();
        database_ = open_writer(path(), std::nullopt, log_);
        database_->set_pragma("synchronous", "OFF", "0");  // nothing here is about the disk
        index_left_over(*database_);
        tables_.emplace(*database_);
        begin();
    }
    void begin() {
        given_.clear();
        tables_->begin(now_ms_);
    }
    void commit() {
        tables_->commit();
        begin();
    }
    void roll_back() {
        tables_->rollback();
        begin();
    }
    /// A key that begins with a time, as those of the platform's alerts do.
    [[nodiscard]] base::Digest timed_key(std::int64_t after_s, std::uint64_t number) const {
        base::Digest key = alert(number).dedupe_key;
        const std::int64_t seconds = now_ms_ / 1000 + after_s;
        for (std::size_t i = 0; i < 4; ++i) {
            key[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
        }
        return key;
    }
    Stored append_key(const base::Digest& key) {
        NewAlert& made = given_.emplace_back(alert(1));
        made.dedupe_key = key;
        made.duplicate_for_ever = true;
        return tables_->append(made, {});
    }
    void index_behind_its_back(const base::Digest& key) {
        Statement(*database_, "INSERT INTO seen VALUES (?1, 77, 0)").run(blob_of(key));
    }
    Stored append(std::uint64_t number, bool for_ever = true) {
        NewAlert& made = given_.emplace_back(alert(number));
        made.duplicate_for_ever = for_ever;
        return tables_->append(made, {});
    }

    std::unique_ptr<Database> database_;
    std::deque<NewAlert> given_;  ///< in this transaction
    std::optional<Tables> tables_;
    std::int64_t now_ms_ = 1'800'000'000'000;
};

TEST_F(TablesSeenTest, TheIndexGetsManyKeysAtATime) {
    std::int64_t transactions_with_keys = 0;
    for (std::uint64_t number = 1; number <= kMany; ++number) {
        const std::int64_t before = database_->integer_of(kIndexed);
        append(number);
        commit();
        const std::int64_t keys = database_->integer_of(kIndexed) - before;
        transactions_with_keys += keys > 0 ? 1 : 0;
        EXPECT_LE(keys, 128);
    }
    EXPECT_GT(transactions_with_keys, 0);
    EXPECT_LE(transactions_with_keys, static_cast<std::int64_t>(kMany / 64));
}

TEST_F(TablesSeenTest, TheKeysOfATransactionAreOneRow) {
    append(1);
    append(2);
    append(1);
    append(3);
    commit();
    roll_back();
    EXPECT_EQ(rows(path(), "SELECT first_alert_id, at_ms, length(keys) FROM fresh"),
              std::vector<std::string>{"1|" + std::to_string(now_ms_) + "|96"});
}

TEST_F(TablesSeenTest, WhatWasRolledBackIsNotRemembered) {
    EXPECT_FALSE(append(1).duplicate);
    EXPECT_TRUE(append(1).duplicate) << "in the same transaction";
    roll_back();
    EXPECT_FALSE(append(1).duplicate);
    commit();
    EXPECT_TRUE(append(1).duplicate);
}

TEST_F(TablesSeenTest, ARollbackRemembersTheEarlierAlert) {
    append(1, false);
    commit();
    now_ms_ += kShortDedupeMs + 1;
    roll_back();
    EXPECT_EQ(append(1, false).id, 2);
    EXPECT_EQ(append(1, false).id, 2);
    roll_back();
    EXPECT_EQ(append(1).id, 1);
}

TEST_F(TablesSeenTest, AShareThatWasRolledBackIsIndexedLater) {
    for (std::uint64_t first = 1; first < kMany; first += 100) {
        for (int times = 0; times < 2; ++times) {
            for (std::uint64_t number = first; number < first + 100; ++number) {
                EXPECT_FALSE(append(number).duplicate);
            }
            if (times == 0) {
                database_->execute(
                    "CREATE TEMP TRIGGER full BEFORE UPDATE ON main.meta"
                    " BEGIN SELECT raise(ABORT, 'full'); END");
                EXPECT_THROW(tables_->commit(), SqlError);
                roll_back();  // the trigger goes with it
            } else {
                commit();
            }
        }
    }
    EXPECT_GT(database_->integer_of("SELECT min(first_alert_id) FROM fresh"), 1);
    EXPECT_EQ(database_->integer_of(kKnown), static_cast<std::int64_t>(kMany));
}

TEST_F(TablesSeenTest, AKeyOfTheFutureIsKnownToBeNewWithoutALook) {
    index_behind_its_back(timed_key(0, 1));
    index_behind_its_back(timed_key(7200, 1));
    append_key(timed_key(1, 2));
    commit();
    for (const std::int64_t after_s : {1, 60, 7000}) {
        index_behind_its_back(timed_key(after_s, 3));
        EXPECT_FALSE(append_key(timed_key(after_s, 3)).duplicate) << after_s;
    }
    for (const std::int64_t after_s : {-1, 7201}) {
        index_behind_its_back(timed_key(after_s, 3));
        EXPECT_EQ(append_key(timed_key(after_s, 3)).id, 77) << after_s;
    }
    EXPECT_EQ(append_key(timed_key(0, 1)).id, 77) << "at the gap's begin";
    EXPECT_EQ(append_key(timed_key(7200, 1)).id, 77) << "at its end";
}

TEST_F(TablesSeenTest, KeysWithAndWithoutATimeAreRemembered) {
    constexpr std::int64_t kMonth = 30 * kDayMs / 1000;
    std::vector<base::Digest> keys;
    while (keys.size() < 2 * kMany) {
        for (int i = 0; i < 100; ++i) {
            const std::uint64_t number = keys.size();
            keys.push_back(number % 7 == 0    ? alert(number).dedupe_key
                           : number % 11 == 0 ? timed_key(kMonth, number)
                           : number % 13 == 0 ? timed_key(-kMonth, number)
                                              : timed_key(0, number));
            ASSERT_FALSE(append_key(keys.back()).duplicate) << number;
        }
        commit();
        for (std::size_t i = keys.size() % 300; i < keys.size(); i += 300) {
            ASSERT_TRUE(append_key(keys[i]).duplicate) << i << " after " << keys.size();
        }
        now_ms_ += 25'000;
        roll_back();
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        ASSERT_EQ(append_key(keys[i]).id, static_cast<std::int64_t>(i + 1));
    }
    index_behind_its_back(timed_key(60, 1));
    EXPECT_FALSE(append_key(timed_key(60, 1)).duplicate) << "no gap is left";
}

TEST_F(TablesSeenTest, AKeyIsKnownToBeNewAfterAGenerationOfManyHours) {
    // An alert each ten seconds: a generation lasts longer than the hour that is looked ahead.
    for (std::uint64_t number = 0; number < kMany; ++number) {
        append_key(timed_key(0, number));
        commit();
        now_ms_ += 10'000;
        roll_back();
    }
    index_behind_its_back(timed_key(60, kMany));
    EXPECT_FALSE(append_key(timed_key(60, kMany)).duplicate) << "no gap is left";
}

TEST_F(TablesSeenTest, AnAlertIsPrunedBeforeItsKeyIsInTheIndex) {
    constexpr std::int64_t kAlerts = 600;
    for (std::int64_t number = 1; number <= kAlerts; ++number) {
        append(static_cast<std::uint64_t>(number));
    }
    commit();
    now_ms_ += kDayMs + 1;
    roll_back();
    Tables::Pruned step{0, 0, true};
    for (int steps = 0; step.more; ++steps) {
        ASSERT_LT(steps, 20);
        step = tables_->prune(step.cursor, kDayMs);
        commit();
    }
    EXPECT_EQ(tables_->counts().alerts, 0);
    EXPECT_EQ(database_->integer_of(kKnown), kAlerts);
    EXPECT_EQ(append(2).id, 2);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
