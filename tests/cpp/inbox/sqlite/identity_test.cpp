#include <set>

#include "sqlite_fixture.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

/// Whether the open inbox can be found, which alerts a key names, and which log is of which file.
class InboxIdentityTest : public SqliteInboxTest {
 protected:
    void refused(const std::string& part) {
        const auto opened = try_open();
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
        EXPECT_NE(opened.error().text.find(part), std::string::npos) << opened.error().text;
    }
    [[nodiscard]] bool is_refused(std::uint64_t number) {
        const auto stored = inbox_->append(alert(number));
        return !stored.ok() && stored.error().code == base::ErrorCode::kStoreFailed;
    }
    /// File and log as a kill of the process would leave them, under another name.
    void leave_as_after_a_crash(const std::string& name) {
        fs::copy_file(path(), folder_ / name);
        fs::copy_file(path() + "-wal", folder_ / (name + "-wal"));
    }
    /// A file and a log for the next open.
    void put(const std::string& file, const std::string& log) {
        close();
        fs::remove(path());
        fs::remove(path() + "-wal");
        fs::copy_file(folder_ / file, path());
        fs::copy_file(folder_ / log, path() + "-wal");
    }
    void move(const std::string& from, const std::string& to) { fs::rename(from, to); }
    [[nodiscard]] std::vector<std::string> keys() {
        std::vector<std::string> all;
        for (const Delivery& delivery : fetch()) {
            all.push_back(delivery.key);
        }
        return all;
    }
};

// A2: the file is moved, removed or replaced while it is open.

TEST_F(InboxIdentityTest, NothingIsAcknowledgedThatCannotBeFoundAgain) {
    open();
    append(alert(1));
    move(path(), folder_ / "moved.db");
    EXPECT_TRUE(is_refused(2));
    EXPECT_FALSE(append_later(alert(3)).ok());
    EXPECT_FALSE(inbox_->quarantine().keep({1, "/alerts", "no alert", "[]"}).ok());
    EXPECT_TRUE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has(path() + " was moved or removed while the inbox is open"))
        << "it is logged";
}

TEST_F(InboxIdentityTest, AlertsAreStoredAgainWhenTheFileIsPutBack) {
    open();
    move(path(), folder_ / "moved.db");
    EXPECT_TRUE(is_refused(1));
    move(folder_ / "moved.db", path());
    append(alert(1));
    EXPECT_FALSE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has("is back: alerts are accepted again"));
    open();
    EXPECT_TRUE(append(alert(1)).duplicate);
}

TEST_F(InboxIdentityTest, AnIdleInboxNoticesThatItsFileIsGone) {
    open();
    fs::remove(path());
    inbox_->tidy();
    EXPECT_TRUE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has("`incm-webhook inbox backup FILE`")) << "with what to do";
}

TEST_F(InboxIdentityTest, AFileInItsPlaceIsNotTakenForIt) {
    open();
    fs::copy_file(path(), folder_ / "copy.db");
    move(folder_ / "copy.db", path());
    EXPECT_TRUE(is_refused(1));
    EXPECT_TRUE(log_.has(path() + " was replaced by another file"));
}

TEST_F(InboxIdentityTest, AFolderThatWasMovedTakesItsInboxAlong) {
    const std::string inner = folder_ / "inner";
    fs::create_directory(inner);
    use(open_at(inner + "/inbox.db", {{{"a"}}}));
    append(alert(1));
    move(inner, folder_ / "other");
    EXPECT_TRUE(is_refused(2));
    fs::create_directory(inner);
    EXPECT_TRUE(is_refused(2));
}

TEST_F(InboxIdentityTest, WhatIsInARemovedLogIsCopiedIntoTheFile) {
    open();
    append_range(1, 3);
    fs::remove(path() + "-wal");
    inbox_->tidy();
    EXPECT_TRUE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has(path() + "-wal was moved or removed"));
    inbox_->tidy();  // begins when the writer has copied what the first call queued
    // As a kill would leave it: the file alone.
    fs::copy_file(path(), folder_ / "left.db");
    EXPECT_EQ(rows(folder_ / "left.db", "SELECT count(*) FROM alert"),
              std::vector<std::string>{"3"});
}

TEST_F(InboxIdentityTest, WhatIsStoredIsStillDeliveredWhenTheFileIsGone) {
    open();
    append_range(1, 1);
    fs::remove(path());
    EXPECT_TRUE(is_refused(2));
    EXPECT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
}

TEST_F(InboxIdentityTest, CloseOfALostInboxTouchesNoLogOfAnotherFile) {
    open();
    append_range(1, 2);
    move(path(), folder_ / "moved.db");
    fs::remove(path() + "-wal");
    write_bytes(path() + "-wal", "of another file");
    close();
    EXPECT_EQ(read_bytes(path() + "-wal"), "of another file");
    EXPECT_EQ(rows(folder_ / "moved.db", "SELECT count(*) FROM alert"),
              std::vector<std::string>{"2"});
}

TEST_F(InboxIdentityTest, AnIndexThatWasRemovedIsReportedAndCostsNothing) {
    open();
    fs::remove(path() + "-shm");
    inbox_->tidy();
    append(alert(1));
    EXPECT_FALSE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has("-shm was removed while the inbox is open: nothing is lost"));
}

// A3: keys.

TEST_F(InboxIdentityTest, AKeyIsShortAndPlainWhateverThePluginIsCalled) {
    const std::string name(300, '/');
    open({name});
    append(alert(1, {name}));
    const std::string key = fetch(1, 0, name).at(0).key;
    EXPECT_LE(key.size(), 64U) << key;
    EXPECT_EQ(key.find_first_not_of("0123456789abcdef-"), std::string::npos) << key;
}

TEST_F(InboxIdentityTest, AKeyIsTheSameForEveryAttemptReplayAndOpen) {
    open();
    append_range(1, 1);
    const std::string key = keys().at(0);
    settle(1, Outcome::kRetry);
    flush();
    EXPECT_EQ(keys().at(0), key);
    inbox_->give_back("a", Ids{1});
    open();
    append_range(2, 2);
    clock_.pass(600'000);
    const std::vector<std::string> all = keys();
    EXPECT_TRUE(std::ranges::count(all, key) == 1) << key;
    settle(1, Outcome::kDelivered);
    flush();
    ASSERT_TRUE(inbox_->change(OperatorAction::kRedeliver, {{"a", 1}}).ok());
    EXPECT_EQ(keys().at(0), key);
}

TEST_F(InboxIdentityTest, TwoPluginsHaveTwoKeysForOneAlert) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    EXPECT_NE(fetch(1, 0, "a").at(0).key, fetch(1, 0, "b").at(0).key);
}

TEST_F(InboxIdentityTest, TheSameBodyStoredTwiceHasTwoKeys) {
    open();
    for (int i = 0; i < 2; ++i) {
        NewAlert made = alert(1, {"a"});
        made.duplicate_for_ever = false;
        EXPECT_FALSE(append(std::move(made)).duplicate);
        clock_.pass(kShortDedupeMs + 1);
    }
    const std::vector<std::string> all = keys();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_NE(all[0], all[1]);
}

TEST_F(InboxIdentityTest, ARestoredFileGivesNoKeyASecondTime) {
    open();
    append_range(1, 2);
    close();
    fs::copy_file(path(), folder_ / "backup.db");
    open();
    append_range(3, 5);
    const std::vector<std::string> before = keys();
    close();
    fs::copy_file(folder_ / "backup.db", path(), fs::copy_options::overwrite_existing);
    open();
    append_range(13, 15);
    append_range(5, 5);
    clock_.pass(600'000);
    const std::vector<std::string> after = keys();
    ASSERT_EQ(before.size(), 5U);
    ASSERT_EQ(after.size(), 6U);
    std::set<std::string> different(before.begin(), before.end());
    different.insert(after.begin(), after.end());
    EXPECT_EQ(different.size(), 9U) << "the two that the copy had keep theirs";
}

TEST_F(InboxIdentityTest, TwoClonesGiveDifferentKeys) {
    open();
    close();
    fs::copy_file(path(), folder_ / "clone.db");
    open();
    auto clone = open_at(folder_ / "clone.db", {{{"a"}}});
    ASSERT_TRUE(clone.ok()) << clone.error().text;
    append_range(1, 1);
    ASSERT_TRUE(clone.value()->append(alert(1, {"a"})).ok());
    EXPECT_NE(keys().at(0), clone.value()->fetch("a", 1, 0).value().at(0).key);
}

TEST_F(InboxIdentityTest, IncarnationsGoWithTheirLastAlert) {
    for (std::uint64_t round = 1; round <= 3; ++round) {
        open();
        append_range(round, round);
        open();
    }
    EXPECT_EQ(rows(path(), "SELECT first_alert_id FROM incarnation"),
              (std::vector<std::string>{"1", "2", "3", "4"}));
    close();
    run_sql(path(), "DELETE FROM delivery; DELETE FROM alert WHERE id < 3");
    open();
    EXPECT_EQ(rows(path(), "SELECT first_alert_id FROM incarnation"),
              (std::vector<std::string>{"3", "4"}));
}

// A4: a log that is of another file.

TEST_F(InboxIdentityTest, FileAndLogOfOneCrashAreOpened) {
    open();
    append_range(1, 3);
    leave_as_after_a_crash("crash.db");
    put("crash.db", "crash.db-wal");
    open();
    EXPECT_EQ(counts().alerts, 3);
}

TEST_F(InboxIdentityTest, ACrashAfterManyCheckpointsIsOpened) {
    open();
    const std::string large(300'000, 'x');
    for (std::uint64_t number = 1; number <= 40; ++number) {
        NewAlert made = alert(number);
        made.text = large;
        append(std::move(made));
        clock_.pass(1);
    }
    leave_as_after_a_crash("crash.db");
    put("crash.db", "crash.db-wal");
    open();
    EXPECT_EQ(counts().alerts, 40);
}

TEST_F(InboxIdentityTest, ACopyOfAnEarlierSessionIsNotServedWithALaterLog) {
    open();
    append_range(1, 2);
    close();
    fs::copy_file(path(), folder_ / "backup.db");
    open();
    append_range(3, 5);
    leave_as_after_a_crash("crash.db");
    put("backup.db", "crash.db-wal");
    const std::string log = read_bytes(path() + "-wal");
    refused("remove " + path() + "-wal and " + path() + "-shm first");
    EXPECT_EQ(read_bytes(path() + "-wal"), log) << "it may hold what the copy has not";
    fs::remove(path() + "-wal");
    open();
    EXPECT_EQ(counts().alerts, 2);
    EXPECT_TRUE(log_.has("checking all of it"));
    EXPECT_FALSE(fs::exists(path() + ".check"));
}

TEST_F(InboxIdentityTest, ACopyOfTheSameSessionIsNotServedWithALaterLog) {
    open();
    append_range(1, 2);
    run_sql(path(), "VACUUM INTO '" + (folder_ / "packed.db") + "'");
    sqlite3* source = nullptr;
    sqlite3* target = nullptr;
    sqlite3_open(path().c_str(), &source);
    sqlite3_open((folder_ / "backup.db").c_str(), &target);
    sqlite3_backup* backup = sqlite3_backup_init(target, "main", source, "main");
    EXPECT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(target);
    sqlite3_close(source);
    const std::string large(300'000, 'x');
    for (std::uint64_t number = 3; number <= 40; ++number) {
        clock_.pass(1);
        NewAlert made = alert(number);
        made.text = large;
        append(std::move(made));
    }
    leave_as_after_a_crash("crash.db");
    for (const char* copy : {"backup.db", "packed.db"}) {
        put(copy, "crash.db-wal");
        refused("do not belong together");
        fs::remove(path() + "-wal");
        open();
        EXPECT_EQ(counts().alerts, 2) << copy;
    }
}

TEST_F(InboxIdentityTest, APackedCopyOfTheCurrentLogIsNotServedWithIt) {
    open();
    append_range(1, 2);
    run_sql(path(), "VACUUM INTO '" + (folder_ / "packed.db") + "'");
    append_range(3, 4);
    leave_as_after_a_crash("crash.db");
    put("packed.db", "crash.db-wal");
    refused("do not belong together");
}

// E: a file whose log is missing, or that has a second name.

TEST_F(InboxIdentityTest, AMissingLogIsNoticed) {
    open();
    append_range(1, 3);
    // As a kill leaves it, after which somebody removed the log.
    const std::string left = read_bytes(path());
    close();
    write_bytes(path(), left);  // the same inode
    refused("its log " + path() + "-wal is missing");
    refused("touch " + path() + ".check");
    write_bytes(path() + ".check", "");
    open();
    EXPECT_EQ(counts().alerts, 0);
}

TEST_F(InboxIdentityTest, ACopyWithoutItsLogIsServedWithAWarning) {
    open();
    append_range(1, 3);
    leave_as_after_a_crash("crash.db");
    fs::copy_file(folder_ / "crash.db", folder_ / "other.db");
    const auto opened = open_at(folder_ / "other.db", {{}});
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_TRUE(log_.has("has no log beside it"));
    EXPECT_TRUE(log_.has("checking all of it"));
}

TEST_F(InboxIdentityTest, AFileWithASecondNameIsRefused) {
    open();
    append(alert(1));
    fs::create_hard_link(path(), folder_ / "second.db");
    const auto second = open_at(folder_ / "second.db", {{}});
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().text.find("has 2 names (hard links)"), std::string::npos)
        << second.error().text;
    append(alert(2));
    close();
    refused("Remove the other name");
    fs::remove(folder_ / "second.db");
    open();
    EXPECT_EQ(counts().alerts, 2);
}

// A5: only the file is a volume.

TEST_F(InboxIdentityTest, AFileThatIsAMountOfItsOwnIsRefused) {
    open();
    close();
    constexpr int kRefused = 0;
    constexpr int kServed = 1;
    constexpr int kNotPermitted = 2;
    const pid_t child = fork();
    if (child == 0) {
        const bool mounted = unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) == 0 &&
                             mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             mount(path().c_str(), path().c_str(), nullptr, MS_BIND, nullptr) == 0;
        if (!mounted) {
            _exit(kNotPermitted);
        }
        const auto opened = try_open();
        const bool refused =
            !opened.ok() && opened.error().text.find("Mount the folder") != std::string::npos;
        _exit(refused ? kRefused : kServed);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == kNotPermitted) {
        GTEST_SKIP() << "this user may not mount";
    }
    EXPECT_EQ(WEXITSTATUS(status), kRefused);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
