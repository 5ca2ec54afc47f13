#include "incm/inbox/kept_state.h"

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "sqlite_fixture.h"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "incm/inbox/sqlite/pending_state.h"

namespace incm::inbox::sqlite::test {
namespace {

class SqliteKeptStateTest : public SqliteInboxTest {
 protected:
    std::optional<std::string> get(const std::string& key) {
        const auto got = inbox_->kept_state().get("a", key);
        EXPECT_TRUE(got.ok()) << got.error().text;
        return got.ok() ? got.value() : std::nullopt;
    }
    std::int64_t count() {
        const auto counted = inbox_->kept_state().count("a");
        EXPECT_TRUE(counted.ok()) << counted.error().text;
        return counted.ok() ? counted.value() : -1;
    }
    /// Keep the disk from taking anything, so that settlements wait.
    static void fill_disk() {
        std::signal(SIGXFSZ, SIG_IGN);
        limit_files(1);
    }
    static void free_disk() { limit_files(RLIM_INFINITY); }

 private:
    static void limit_files(rlim_t most) {
        rlimit limit{};
        ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = std::min(most, limit.rlim_max);
        ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
};

/// After a kill at any time the alerts that are settled are those whose state is there.
TEST_F(SqliteKeptStateTest, ACrashKeepsStateAndSettlementOrNeither) {
    for (const int settled : {1, 5, 40, 200}) {
        std::filesystem::remove(path());
        const pid_t child = fork();
        if (child == 0) {
            open();
            append_range(1, 300);
            const Ids ids = fetch_ids(300);
            for (int i = 0; i < settled; ++i) {
                const std::string number = std::to_string(ids[static_cast<std::size_t>(i)]);
                inbox_->settle({{ids[static_cast<std::size_t>(i)], "a", Outcome::kDelivered}},
                               {{number, number}, {"last", number}});
            }
            kill(getpid(), SIGKILL);
            _exit(1);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
        open();
        const std::int64_t delivered = 300 - counts().open;
        EXPECT_EQ(count(), delivered == 0 ? 0 : delivered + 1);
        if (delivered > 0) {
            EXPECT_EQ(get("last"), std::to_string(delivered)) << "they are settled in order";
        }
        close();
    }
}

TEST_F(SqliteKeptStateTest, WhatTheDiskRefusesIsSeenAndStoredLater) {
    open();
    append_range(1, 1);
    ASSERT_EQ(fetch_ids(), Ids{1});
    ASSERT_TRUE(inbox_->kept_state().write("a", {{"k", "before"}, {"gone", "1"}}).ok());
    fill_disk();
    inbox_->settle({{1, "a", Outcome::kDelivered}}, {{"k", "after"}, {"gone", std::nullopt}});
    EXPECT_FALSE(inbox_->kept_state().write("a", {{"never", "1"}}).ok());
    EXPECT_EQ(get("k"), "after");
    EXPECT_EQ(get("gone"), std::nullopt);
    EXPECT_EQ(get("never"), std::nullopt) << "its caller knows that it failed";
    EXPECT_EQ(count(), 1);
    EXPECT_EQ(rows(path(), "SELECT key, value FROM plugin_state ORDER BY key"),
              (std::vector<std::string>{"gone|1", "k|before"}));
    free_disk();
    flush();
    EXPECT_EQ(get("k"), "after");
    close();
    EXPECT_EQ(rows(path(), "SELECT key, value FROM plugin_state"),
              std::vector<std::string>{"k|after"});
}

/// The settlement of alert 1 can never be stored: the ledger has that attempt already.
TEST_F(SqliteKeptStateTest, StateOfASettlementThatCannotBeStoredIsLostWithIt) {
    open();
    append_range(1, 2);
    ASSERT_TRUE(inbox_->kept_state().write("a", {{"k", "0"}}).ok());
    close();
    run_sql(path(), "INSERT INTO attempt VALUES(1, 1, 1, 0, 0, 0, 'retry', 'made up')");
    open();
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    inbox_->settle({{1, "a", Outcome::kDelivered}}, {{"k", "1"}, {"of 1", "1"}});
    inbox_->settle({{2, "a", Outcome::kDelivered}}, {{"of 2", "2"}});
    flush();
    flush();
    EXPECT_TRUE(log_.has("the settlement of alert 1 by plugin a is set apart"));
    EXPECT_EQ(get("k"), "0");
    EXPECT_EQ(get("of 1"), std::nullopt);
    EXPECT_EQ(get("of 2"), "2");
    EXPECT_EQ(count(), 2);
}

TEST_F(SqliteKeptStateTest, ABackupHasIt) {
    open();
    ASSERT_TRUE(inbox_->kept_state().write("a", {{"k", "1"}}).ok());
    const std::string copy = path() + ".copy";
    ASSERT_TRUE(inbox_->backup().start(copy).ok());
    while (inbox_->backup().progress().state == BackupProgress::State::kRunning) {
        std::this_thread::yield();
    }
    EXPECT_EQ(rows(copy, "SELECT key, value FROM plugin_state"), std::vector<std::string>{"k|1"});
}

TEST(PendingStateTest, TheLaterChangeCountsWhicheverIsOnDiskFirst) {
    PendingState pending;
    auto first = pending.add("a", {{"k", "1"}, {"l", "1"}});
    auto second = pending.add("a", {{"k", "2"}});
    EXPECT_EQ(pending.find("a", "k")->value, "2");
    second->committed();
    EXPECT_FALSE(pending.find("a", "k")) << "the file has it";
    EXPECT_TRUE(first->superseded("k"));
    EXPECT_FALSE(first->superseded("l"));
    second.reset();
    EXPECT_FALSE(pending.find("a", "k")) << "not the earlier one again";
    EXPECT_EQ(pending.find("a", "l")->value, "1");
    first.reset();
    EXPECT_FALSE(pending.find("a", "l"));
}

TEST(PendingStateTest, AnEarlierChangeShowsAgainWhenALaterOneIsLost) {
    PendingState pending;
    const auto first = pending.add("a", {{"k", "1"}});
    auto second = pending.add("a", {{"k", std::nullopt}});
    EXPECT_EQ(pending.find("a", "k")->value, std::nullopt);
    second.reset();
    EXPECT_EQ(pending.find("a", "k")->value, "1");
    EXPECT_FALSE(pending.find("b", "k"));
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
