#include <cerrno>
#include <csignal>

#include "sqlite_fixture.h"
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// How many of SQLite's writes find room from now on; negative: all of them. Its calls come here,
/// because a program's own symbols come before those of its libraries.
std::atomic<int> writes_left{-1};

}  // namespace

extern "C" __attribute__((visibility("default"))) ssize_t pwrite64(int file, const void* bytes,
                                                                   size_t size, off64_t offset) {
    if (writes_left == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (writes_left > 0) --writes_left;
    return syscall(SYS_pwrite64, file, bytes, size, offset);
}

namespace incm::inbox::sqlite::test {
namespace {

/// What SQLite finds where shared memory cannot be mapped.
void* no_mapping(void* /*where*/, size_t /*size*/, int /*protection*/, int /*flags*/, int /*file*/,
                 off_t /*offset*/) {
    errno = ENODEV;
    return reinterpret_cast<void*>(-1);
}

class InboxTroubleTest : public SqliteInboxTest {
 protected:
    void TearDown() override { writes_left = -1; }

    /// Open on a disk that is full after so many writes; whether that was enough.
    bool opens_with(int writes) {
        writes_left = writes;
        const auto opened = try_open();
        writes_left = -1;
        if (!opened.ok()) {
            EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnavailable)
                << opened.error().text;
            EXPECT_TRUE(opened.error().text.ends_with(": see to the disk")) << opened.error().text;
        }
        return opened.ok();
    }
    /// Leave an inbox as a kill does, with an alert that is in the log alone.
    void crash() {
        const pid_t child = fork();
        if (child == 0) {
            open();
            append(alert(1, {"a"}));
            kill(getpid(), SIGKILL);
        }
        waitpid(child, nullptr, 0);
    }
    [[nodiscard]] std::string why_not_stored() {
        const auto why = inbox_->why_not_stored();
        return why ? why->text : "";
    }
};

TEST_F(InboxTroubleTest, ADiskThatFillsWhileTheInboxIsMadeLeavesNothing) {
    int writes = 0;
    for (; !opens_with(writes); ++writes) {
        for (const std::string& name : folder_.names()) {
            EXPECT_FALSE(name.starts_with("inbox.db.new")) << name << " after " << writes;
        }
    }
    EXPECT_GT(writes, 10);
    open();
}

TEST_F(InboxTroubleTest, ADiskThatFillsWhileItIsOpenedLosesNothing) {
    crash();
    int writes = 0;
    for (; !opens_with(writes); ++writes) {
        open();  // there is room again
        EXPECT_TRUE(append(alert(1, {"a"})).duplicate) << writes;
        close();
        std::filesystem::remove(path());
        crash();
    }
    EXPECT_GT(writes, 10);
}

TEST_F(InboxTroubleTest, WhatAnEarlierStartLeftHalfMadeGoesBesideAnInbox) {
    open();
    close();
    for (const char* suffix : {"", "-wal", "-shm", "-journal", ".check"}) {
        write_bytes(path() + ".new" + suffix, "left by a crash");
    }
    open();
    close();
    EXPECT_EQ(folder_.names(), (std::vector<std::string>{"inbox.db", "inbox.db.lock"}));
}

TEST_F(InboxTroubleTest, SharedMemoryThatCannotBeMappedIsReported) {
    open();
    close();
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    vfs->xSetSystemCall(vfs, "mmap", reinterpret_cast<sqlite3_syscall_ptr>(no_mapping));
    const auto opened = try_open();
    vfs->xSetSystemCall(vfs, "mmap", nullptr);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_EQ(
        opened.error().text,
        "cannot open the inbox " + path() +
            " (disk I/O error: No such device): its shared memory " + path() +
            "-shm cannot be used: an inbox needs a local disk whose file system supports locks "
            "and shared memory");
    open();
}

TEST_F(InboxTroubleTest, AnotherProgramsLockIsReportedAndPasses) {
    open();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    const std::string expected =
        "the inbox cannot store: another program has locked it for writing; end its transaction";
    EXPECT_EQ(why_not_stored(), "") << "nothing was tried";
    for (int i = 0; i < 2; ++i) {
        const auto refused = inbox_->append(alert(1, {"a"}));
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().text, expected);
        EXPECT_EQ(why_not_stored(), expected);
    }
    inbox_->tidy();
    EXPECT_EQ(why_not_stored(), expected);
    ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(other);
    inbox_->tidy();
    EXPECT_EQ(why_not_stored(), "");
    EXPECT_TRUE(log_.has("the inbox stores again"));
    append(alert(1, {"a"}));
}

TEST_F(InboxTroubleTest, AnotherProgramsLockAtTheStartMayPass) {
    open();
    close();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    const auto opened = try_open();
    sqlite3_close(other);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnavailable);
    EXPECT_EQ(opened.error().text, "cannot open the inbox " + path() +
                                       ": another program has locked it; end its transaction");
    open();
}

TEST_F(InboxTroubleTest, AnotherProgramThatCopiesTheLogIsNone) {
    open();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "SELECT 1 FROM meta", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_file* file = nullptr;
    ASSERT_EQ(sqlite3_file_control(other, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    constexpr int kCopying = 1;
    constexpr int kExclusive = SQLITE_SHM_EXCLUSIVE;
    ASSERT_EQ(file->pMethods->xShmLock(file, kCopying, 1, SQLITE_SHM_LOCK | kExclusive), SQLITE_OK);
    const auto log_bytes = [&] { return std::filesystem::file_size(path() + "-wal"); };
    const auto append_large = [&](std::uint64_t number) {
        NewAlert large = alert(number);
        large.text.assign(3 * 1024 * 1024, ' ');
        append(std::move(large));
    };
    append_large(1);
    append_large(2);
    append_large(3);
    EXPECT_GT(log_bytes(), 9U * 1024 * 1024) << "it was not copied";
    ASSERT_EQ(file->pMethods->xShmLock(file, kCopying, 1, SQLITE_SHM_UNLOCK | kExclusive),
              SQLITE_OK);
    sqlite3_close(other);
    append_large(4);
    const auto before = log_bytes();
    append_large(5);
    append_large(6);
    EXPECT_EQ(log_bytes(), before) << "it began anew";
    EXPECT_FALSE(log_.has("cannot copy its log back"));
}

TEST_F(InboxTroubleTest, AFullDiskIsOverWhenAnAlertIsStoredOrThereIsRoom) {
    open();
    append(alert(1, {"a"}));
    ASSERT_EQ(fetch_ids(), Ids{1});
    for (const bool sends : {true, false}) {
        writes_left = 0;
        EXPECT_FALSE(inbox_->append(alert(2, {"a"})).ok());
        EXPECT_NE(why_not_stored().find("the inbox cannot store: "), std::string::npos);
        writes_left = -1;
        sends ? static_cast<void>(append(alert(3, {"a"}))) : static_cast<void>(inbox_->tidy());
        EXPECT_EQ(why_not_stored(), "") << sends;
    }
}

TEST_F(InboxTroubleTest, WhatIsSmallerThanAnAlertEndsNoLackOfRoom) {
    open();
    append(alert(1, {"a"}));
    ASSERT_EQ(fetch_ids(), Ids{1});
    writes_left = 0;
    EXPECT_FALSE(inbox_->append(alert(2, {"a"})).ok());
    EXPECT_NE(why_not_stored().find("full"), std::string::npos) << why_not_stored();
    writes_left = -1;
    settle(1, Outcome::kDelivered);
    EXPECT_TRUE(append(alert(1, {"a"})).duplicate) << "after the settlement";
    EXPECT_NE(why_not_stored(), "");
    append(alert(2, {"a"}));
    EXPECT_EQ(why_not_stored(), "");
}

/// Write nonsense over the first page of a table of the closed inbox.
void damage(const std::string& path, const std::string& table) {
    const auto page = rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'");
    ASSERT_EQ(page.size(), 1U);
    std::string bytes = read_bytes(path);
    constexpr std::size_t kPageSize = 4096;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>((std::stoul(page[0]) - 1) * kPageSize),
                kPageSize, '\x5a');
    write_bytes(path, bytes);
}

TEST_F(InboxTroubleTest, AnInboxThatIsFoundDamagedIsNotReadyUntilTheNextStartHasCheckedIt) {
    open();
    append_range(1, 2);
    close();
    damage(path(), "attempt");
    open();
    EXPECT_EQ(why_not_stored(), "");
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    settle(1, Outcome::kDelivered);
    append(alert(3));
    EXPECT_NE(why_not_stored().find("the inbox is damaged"), std::string::npos);
    append(alert(4));
    EXPECT_NE(why_not_stored(), "") << "though something was stored";
    EXPECT_TRUE(log_.has("`incm-webhook inbox restore FILE`"));
    close();
    EXPECT_EQ(try_open().error().code, base::ErrorCode::kInboxUnusable);
}

TEST_F(InboxTroubleTest, DamageThatAFetchFindsIsReportedToo) {
    open();
    append_range(1, 1);
    close();
    damage(path(), "delivery_retry");
    open();
    EXPECT_FALSE(inbox_->fetch("a", 1, 0).ok());
    EXPECT_NE(why_not_stored().find("the inbox is damaged"), std::string::npos);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
