#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sqlite_fixture.h"
#include <fcntl.h>
#include <sys/stat.h>

#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/schema.h"
#include "incm/inbox/sqlite/upgrade_copy.h"
#include "incm/inbox/sqlite/upgrade_copy_name.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

class InboxUpgradeTest : public SqliteInboxTest {
 protected:
    void make_old(int version) const {
        run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v" + std::to_string(version) + ".sql"));
    }
    [[nodiscard]] std::string copy(int version) const { return upgrade_copy_name(path(), version); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& one : fs::directory_iterator(fs::path(path()).parent_path())) {
            found.push_back(one.path().filename().string());
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    [[nodiscard]] std::int64_t free_bytes() const {
        return static_cast<std::int64_t>(fs::space(fs::path(path()).parent_path()).available);
    }
    [[nodiscard]] static ino_t inode(const std::string& file) {
        struct stat facts {};
        EXPECT_EQ(stat(file.c_str(), &facts), 0) << file;
        return facts.st_ino;
    }
    /// Make a file that takes this much disk without being written.
    [[nodiscard]] static bool take_disk(const std::string& file, std::int64_t bytes) {
        const Descriptor made(file, O_RDWR | O_CREAT | O_EXCL);
        return made.get() >= 0 && posix_fallocate(made.get(), 0, bytes) == 0;
    }
};

TEST_F(InboxUpgradeTest, ACopyOfAnOldInboxIsKept) {
    make_old(6);
    const auto alerts = rows(path(), "SELECT * FROM alert");
    open();
    EXPECT_FALSE(fs::exists(copy(6) + "-wal"));  // which a reader makes again
    EXPECT_EQ(rows(copy(6), "PRAGMA user_version"), std::vector<std::string>{"6"});
    EXPECT_EQ(rows(copy(6), "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    EXPECT_EQ(rows(copy(6), "SELECT * FROM alert"), alerts);
}

TEST_F(InboxUpgradeTest, TheCopyHasWhatIsOnlyInTheLog) {
    make_old(6);
    sqlite3* other = nullptr;  // leaves its log until it is closed, as a killed process does
    ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other,
                           "INSERT INTO alert SELECT 9, endpoint, received_at_ms, form, type,"
                           " device, text, stored_at_ms FROM alert WHERE id = 1",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    open();
    EXPECT_EQ(rows(copy(6), "SELECT id FROM alert WHERE id = 9"), std::vector<std::string>{"9"});
    sqlite3_close(other);
}

TEST_F(InboxUpgradeTest, ALaterCopyOfTheSameVersionReplacesTheEarlier) {
    make_old(6);
    open();
    close();
    fs::remove(path());
    make_old(6);
    run_sql(path(), "DELETE FROM alert");
    open();
    EXPECT_TRUE(rows(copy(6), "SELECT * FROM alert").empty());
}

TEST_F(InboxUpgradeTest, NoCopyIsMadeOfAnInboxOfThisVersion) {
    open();
    open();
    close();
    EXPECT_EQ(names(), (std::vector<std::string>{"inbox.db", "inbox.db.lock"}));
}

TEST_F(InboxUpgradeTest, WithoutRoomForTheCopyNothingIsChanged) {
    make_old(6);
    const auto before = read_bytes(path());
    Options options;
    options.reserve_bytes = std::numeric_limits<std::int64_t>::max() / 2;
    const auto refused = open_at(path(), options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kInboxUnavailable);
    EXPECT_NE(refused.error().text.find("make room, or set backup_before_migrate = false"),
              std::string::npos)
        << refused.error().text;
    EXPECT_EQ(read_bytes(path()), before);
    EXPECT_FALSE(fs::exists(copy(6)));
}

TEST_F(InboxUpgradeTest, TheSentenceAboutRoomStaysTheSameWhileTheFreeSpaceChanges) {
    make_old(6);
    const std::int64_t reserve = std::numeric_limits<std::int64_t>::max() / 2;
    const std::string before = no_room_for_upgrade_copy(path(), 6, reserve);
    std::ofstream(folder_ / "other") << std::string(3 << 20, 'x');
    EXPECT_NE(before, "");
    EXPECT_EQ(no_room_for_upgrade_copy(path(), 6, reserve), before);
}

TEST_F(InboxUpgradeTest, RoomIsWantedForTheMigrationToo) {
    make_old(6);
    // Without the margin, the copy of a few pages would leave this reserve free.
    const std::int64_t reserve = free_bytes() - (std::int64_t{32} << 20);
    EXPECT_NE(no_room_for_upgrade_copy(path(), 6, reserve), "");
    EXPECT_EQ(no_room_for_upgrade_copy(path(), 6, reserve - (std::int64_t{512} << 20)), "");
}

TEST_F(InboxUpgradeTest, WhatAnInterruptedCopyLeftCountsAsFreeAndIsRemoved) {
    make_old(6);
    const std::string left = copy(6) + ".incm-partial";
    constexpr std::int64_t kLeft = std::int64_t{256} << 20;
    if (!take_disk(left, kLeft)) GTEST_SKIP() << "the disk has no 256 MiB";
    Options options;
    options.reserve_bytes = free_bytes() + kLeft / 2 - (std::int64_t{64} << 20);
    EXPECT_EQ(no_room_for_upgrade_copy(path(), 6, options.reserve_bytes), "");
    const auto opened = open_at(path(), options);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_FALSE(fs::exists(left));
    EXPECT_EQ(rows(copy(6), "PRAGMA user_version"), std::vector<std::string>{"6"});
}

TEST_F(InboxUpgradeTest, AWholeCopyOfTheSameStateIsKeptByTheNextAttempt) {
    make_old(9);
    const auto before = read_bytes(path());
    open();
    close();
    const auto made = inode(copy(9));
    fs::remove(path());  // as if the process had been killed between the copy and the migration
    std::ofstream(path(), std::ios::binary) << before;
    open();
    EXPECT_EQ(inode(copy(9)), made);
    close();
    fs::remove(path());
    std::ofstream(path(), std::ios::binary) << before;
    run_sql(path(), "UPDATE meta SET value = value + 1 WHERE key = 'commits'");
    open();
    EXPECT_NE(inode(copy(9)), made);
}

TEST_F(InboxUpgradeTest, AnEarlierCopyIsRemovedFirstWhenOnlyThatMakesRoom) {
    make_old(6);
    constexpr std::int64_t kOld = std::int64_t{256} << 20;
    if (!take_disk(copy(6), kOld)) GTEST_SKIP() << "the disk has no 256 MiB";
    Options options;
    options.reserve_bytes = free_bytes() + kOld / 2 - (std::int64_t{64} << 20);
    const auto opened = open_at(path(), options);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    EXPECT_EQ(rows(copy(6), "PRAGMA user_version"), std::vector<std::string>{"6"});
}

TEST_F(InboxUpgradeTest, TheLogOfAnEarlierCopyIsNotTakenForThatOfTheNewOne) {
    make_old(6);
    for (const char* suffix : {"", "-wal", "-shm"}) {
        std::ofstream(copy(6) + suffix) << "x";
    }
    open();
    EXPECT_FALSE(fs::exists(copy(6) + "-wal"));
    EXPECT_FALSE(fs::exists(copy(6) + "-shm"));
    EXPECT_EQ(rows(copy(6), "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
}

TEST_F(InboxUpgradeTest, ARefusedNewerInboxNamesTheLatestCopyThatFits) {
    const auto version = schema_version();
    EXPECT_EQ(newer_inbox_text(path(), version + 1).find("inbox restore"), std::string::npos);
    std::ofstream(upgrade_copy_name(path(), version));  // empty
    for (const std::int64_t one : {version - 2, version - 1, version + 1}) {
        std::ofstream(upgrade_copy_name(path(), one)) << "x";
    }
    const std::string early = newer_inbox_text(path(), version + 2);
    EXPECT_NE(early.find(" --inbox " + path() + "` to the copy of 20"), std::string::npos) << early;
    EXPECT_NE(
        early.find("which is from an earlier upgrade, of version " + std::to_string(version - 1)),
        std::string::npos)
        << early;
    EXPECT_NE(early.find(restore_command(upgrade_copy_name(path(), version - 1), path())),
              std::string::npos)
        << early;
    std::ofstream(upgrade_copy_name(path(), version)) << "x";
    EXPECT_NE(newer_inbox_text(path(), version + 2).find("which was kept before the upgrade"),
              std::string::npos);
}

TEST(RestoreCommand, IsOneThatAShellReadsAsItIs) {
    EXPECT_EQ(restore_command("/a/inbox.db.v9", "/a/inbox.db"),
              "incm-webhook inbox restore /a/inbox.db.v9 --inbox /a/inbox.db");
    EXPECT_EQ(restore_command("/my files/it's", "/$HOME"),
              "incm-webhook inbox restore '/my files/it'\\''s' --inbox '/$HOME'");
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
