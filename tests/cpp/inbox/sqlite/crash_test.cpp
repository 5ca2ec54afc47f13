#include <cerrno>
#include <csignal>
#include <map>
#include <thread>

#include "sqlite_fixture.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// Whether fdatasync() fails. SQLite's calls come here, because a program's own symbols come
/// before those of its libraries.
std::atomic<bool> disk_broken{false};
std::atomic<int> fails_at_sync{0};  ///< one of the next ones: 1 for the first; 0: none

}  // namespace

extern "C" __attribute__((visibility("default"))) int fdatasync(int descriptor) {
    if (disk_broken || (fails_at_sync > 0 && --fails_at_sync == 0)) {
        errno = EIO;
        return -1;
    }
    return fsync(descriptor);
}

namespace incm::inbox::sqlite::test {
namespace {

class InboxCrashTest : public SqliteInboxTest {
 protected:
    /// Run in a process that is killed, or kills itself, with whatever it had open.
    template <typename Body>
    pid_t in_child(Body body) {
        const pid_t child = fork();
        if (child == 0) {
            body();
            _exit(1);
        }
        return child;
    }
    static void wait_killed(pid_t child) {
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
    }
};

TEST_F(InboxCrashTest, LeaseSurvivesAndCountsAsAnAttempt) {
    wait_killed(in_child([&] {
        open();
        append_range(1, 4);
        if (fetch_ids(3) == Ids{1, 2, 3}) {
            inbox_->give_back("a", Ids{2});
            settle(3, Outcome::kDelivered);
            flush();
            kill(getpid(), SIGKILL);
        }
    }));
    open();
    expect_totals_in_rows();
    EXPECT_TRUE(log_.has("1 deliveries were under way"));
    EXPECT_EQ(rows(path(), "SELECT alert_id, attempts FROM delivery"),
              (std::vector<std::string>{"1|1", "2|0", "4|0"}));
    EXPECT_EQ(rows(path(), "SELECT alert_id, outcome, duration_ms FROM attempt"),
              (std::vector<std::string>{"1|interrupted|NULL", "3|delivered|7"}));
    EXPECT_EQ(rows(path(), "SELECT * FROM lease"), std::vector<std::string>{});
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 3U);
    EXPECT_EQ(fetched[0].alert_id, 1);
    EXPECT_EQ(fetched[0].attempt, 2);
}

TEST_F(InboxCrashTest, EveryAcknowledgedAlertIsThereOnce) {
    struct Acknowledged {
        std::uint64_t number;
        std::int64_t id;
    };
    std::map<std::uint64_t, std::int64_t> acknowledged;
    for (std::uint64_t cycle = 0; cycle < 12; ++cycle) {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        const pid_t child = in_child([&] {
            open();
            std::vector<std::thread> threads;
            for (std::uint64_t i = 0; i < 8; ++i) {
                threads.emplace_back([&, i] {
                    for (std::uint64_t n = 0;; ++n) {
                        const std::uint64_t number = 1 + cycle * 1'000'000 + n * 8 + i;
                        const auto done = inbox_->append(alert(number, {"a"}));
                        const Acknowledged line{number, done.ok() ? done.value().id : -1};
                        if (write(ends[1], &line, sizeof line) != sizeof line) {
                            _exit(1);
                        }
                    }
                });
            }
            threads[0].join();
        });
        ::close(ends[1]);
        Acknowledged line{};
        std::size_t count = 0;
        while (read(ends[0], &line, sizeof line) == sizeof line) {
            acknowledged[line.number] = line.id;
            if (++count == 20 + cycle * 37) {
                kill(child, SIGKILL);
            }
        }
        ::close(ends[0]);
        wait_killed(child);
        open();
        expect_totals_in_rows();
        close();
        EXPECT_EQ(rows(path(), "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    }
    const auto all = rows(path(), "SELECT id, CAST(text AS TEXT) FROM alert");
    std::map<std::string, int> stored;
    for (const std::string& row : all) {
        ++stored[row];
    }
    for (const auto& [number, id] : acknowledged) {
        const std::string row =
            std::to_string(id) + "|{\"number\": " + std::to_string(number) + "}";
        EXPECT_EQ(stored[row], 1) << row;
    }
    EXPECT_EQ(rows(path(), "SELECT count(*) - count(DISTINCT text) FROM alert"),
              std::vector<std::string>{"0"});
    open();
    EXPECT_EQ(counts().alerts, static_cast<std::int64_t>(all.size()));
    EXPECT_EQ(counts().open, counts().alerts);
}

TEST_F(InboxCrashTest, FullDiskStoresNothingAndRecovers) {
    open();
    append_range(1, 2);
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{1, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto refused = inbox_->append(alert(3, {"a"}));
    settle(1, Outcome::kDelivered);
    const auto again = append_later(alert(4, {"a"}));
    const auto fetched = inbox_->fetch("a", 1, 0);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kStoreFailed);
    EXPECT_FALSE(again.ok());
    EXPECT_TRUE(fetched.ok()) << "nothing was due";
    EXPECT_FALSE(inbox_->failed());
    EXPECT_EQ(append(alert(4, {"a"})).id, 3);
    EXPECT_TRUE(log_.has("the inbox cannot store"));
    EXPECT_TRUE(log_.has("the inbox stores again"));
    EXPECT_EQ(counts().open, 2) << "the settlement was made up for";
    EXPECT_EQ(fetch_ids(), Ids{3});
}

TEST_F(InboxCrashTest, AFetchOnAFullDiskIsUndone) {
    open();
    append_range(1, 2);
    ASSERT_EQ(fetch_ids(1), Ids{1});
    settle(1, Outcome::kRetry, 0);
    flush();
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{1, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto fetched = inbox_->fetch("a", 9, 0);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(fetched.ok());
    EXPECT_EQ(fetched.error().code, base::ErrorCode::kStoreFailed);
    EXPECT_EQ(fetch_ids(), (Ids{1, 2}));
}

TEST_F(InboxCrashTest, AfterAFailedSyncNothingIsStoredOrFetched) {
    open();
    append_range(1, 1);
    disk_broken = true;
    const auto refused = inbox_->append(alert(2, {"a"}));
    disk_broken = false;
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kStoreFailed);
    EXPECT_TRUE(inbox_->failed());
    EXPECT_FALSE(inbox_->append(alert(3, {"a"})).ok());
    EXPECT_FALSE(append_later(alert(3, {"a"})).ok());
    EXPECT_FALSE(inbox_->quarantine().keep({}).ok());
    EXPECT_FALSE(inbox_->fetch("a", 1, 0).ok());
    open();
    EXPECT_FALSE(inbox_->failed());
    EXPECT_TRUE(append(alert(1, {"a"})).duplicate);
}

TEST_F(InboxCrashTest, AfterAFailedSyncACloseCopiesNothingBack) {
    open();
    append_range(1, 1);
    fails_at_sync = 1;
    close();
    EXPECT_EQ(fails_at_sync, 0) << "the close had nothing to write";
    EXPECT_GT(read_bytes(path() + "-wal").size(), 0U);
    EXPECT_TRUE(std::filesystem::exists(path() + ".check"));
    open();
    EXPECT_TRUE(log_.has("the inbox is intact"));
    EXPECT_TRUE(append(alert(1, {"a"})).duplicate);
}

TEST_F(InboxCrashTest, AfterAFailedSyncAnOpenCopiesNothingBack) {
    wait_killed(in_child([&] {
        open();
        append_range(1, 1);
        kill(getpid(), SIGKILL);
    }));
    // Of the log, of the file, and of what the open itself stores. SQLite does not look at the
    // second one, of the folder.
    for (const int sync : {1, 3, 4}) {
        fails_at_sync = sync;
        EXPECT_FALSE(try_open().ok()) << sync;
        EXPECT_EQ(fails_at_sync, 0);
        EXPECT_GT(read_bytes(path() + "-wal").size(), 0U) << sync;
    }
    open();
    EXPECT_TRUE(append(alert(1, {"a"})).duplicate);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
