#include "sqlite_fixture.h"
#include <sys/wait.h>
#include <unistd.h>

#include "incm/inbox/catalog.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

const std::string kVersion = "10";

class InboxFileTest : public SqliteInboxTest {
 protected:
    /// Opening fails like this and leaves the folder and the bytes as they are.
    void refuses(base::ErrorCode code) {
        const auto names = folder_.names();
        const std::string bytes = fs::is_regular_file(path()) ? read_bytes(path()) : "";
        const auto opened = try_open();
        ASSERT_FALSE(opened.ok());
        EXPECT_EQ(opened.error().code, code) << opened.error().text;
        EXPECT_NE(opened.error().text.find(path()), std::string::npos) << opened.error().text;
        EXPECT_EQ(folder_.names(), names);
        if (fs::is_regular_file(path())) {
            EXPECT_EQ(read_bytes(path()), bytes);
        }
    }
    /// Set a big-endian number in the header of the closed file.
    void patch(std::size_t offset, std::uint32_t value) {
        std::string bytes = read_bytes(path());
        for (std::size_t i = 0; i < 4; ++i) {
            bytes[offset + i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
        }
        write_bytes(path(), bytes);
    }
    void make_and_forget_lock() {
        open();
        append(alert(1, {"a"}));
        close();
        fs::remove(path() + ".lock");
    }
};

TEST_F(InboxFileTest, NewFileIsCompleteAndMarked) {
    write_bytes(path() + ".new", "left by a crash");
    write_bytes(path() + ".new-wal", "left by a crash");
    open();
    close();
    EXPECT_EQ(folder_.names(), (std::vector<std::string>{"inbox.db", "inbox.db.lock"}));
    EXPECT_EQ(read_bytes(path()).substr(68, 4), "INCM");
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
    EXPECT_EQ(rows(path(), "PRAGMA journal_mode"), std::vector<std::string>{"wal"});
    EXPECT_EQ(rows(path(), "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    EXPECT_EQ(rows(path(), "SELECT length(value) FROM meta WHERE key = 'inbox_id'"),
              std::vector<std::string>{"16"});
}

TEST_F(InboxFileTest, IsNotForEveryUserOfTheMachine) {
    const mode_t before = umask(0);
    open();
    append(alert(1));
    umask(before);
    for (const char* suffix : {"", "-wal"}) {
        struct stat facts {};
        ASSERT_EQ(stat((path() + suffix).c_str(), &facts), 0) << suffix;
        EXPECT_EQ(facts.st_mode & 0777, 0640U) << suffix;
    }
}

TEST_F(InboxFileTest, ReopenKeepsEverything) {
    open();
    append_range(1, 3);
    const std::string key = fetch(1).at(0).key;
    inbox_->give_back("a", Ids{1});
    ASSERT_TRUE(inbox_->quarantine().keep({1, "/alerts", "no alert", "[]"}).ok());
    open();
    EXPECT_EQ(counts().alerts, 3);
    EXPECT_EQ(counts().open, 3);
    EXPECT_EQ(counts().quarantined.total(), 1);
    EXPECT_TRUE(append(alert(2)).duplicate);
    EXPECT_EQ(append(alert(4)).id, 4);
    EXPECT_EQ(fetch(1).at(0).key, key);
}

TEST_F(InboxFileTest, LinkAndFileShareOneLock) {
    open();
    fs::create_symlink(path(), folder_ / "link.db");
    const auto second = open_at(folder_ / "link.db", {{{"a"}}});
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, base::ErrorCode::kInboxInUse);
}

TEST_F(InboxFileTest, LinkToAFileThatIsNotThereYetStaysALink) {
    fs::create_directory(folder_ / "disk");
    fs::create_symlink("disk/real.db", folder_ / "second.db");
    fs::create_symlink("second.db", path());
    open();
    EXPECT_TRUE(fs::is_symlink(path()));
    EXPECT_TRUE(fs::is_regular_file(folder_ / "disk/real.db"));
    EXPECT_EQ(append(alert(1)).id, 1);
    open();
    EXPECT_EQ(counts().alerts, 1);
}

TEST_F(InboxFileTest, LinkToAFolderThatIsNotThereIsRefused) {
    fs::create_symlink(folder_ / "not-mounted/inbox.db", path());
    const auto opened = try_open();
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().text.find("not-mounted of the inbox does not exist"),
              std::string::npos)
        << opened.error().text;
    EXPECT_EQ(folder_.names(), std::vector<std::string>{"inbox.db"});
    EXPECT_TRUE(fs::is_symlink(path()));
}

TEST_F(InboxFileTest, FolderInThePlaceOfItsOwnFilesIsNamed) {
    for (const char* suffix : {".lock", "-wal", "-shm"}) {
        close();
        fs::remove_all(path());
        make_and_forget_lock();
        fs::remove_all(path() + suffix);
        fs::create_directory(path() + suffix);
        const auto opened = try_open();
        ASSERT_FALSE(opened.ok()) << suffix;
        EXPECT_NE(opened.error().text.find(path() + suffix), std::string::npos);
        EXPECT_NE(opened.error().text.find("not a file"), std::string::npos) << opened.error().text;
        fs::remove(path() + suffix);
    }
}

TEST_F(InboxFileTest, SecondOpenIsRefusedWithTheProcessOfTheFirst) {
    open();
    const auto second = try_open();
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, base::ErrorCode::kInboxInUse);
    EXPECT_NE(second.error().text.find("process " + std::to_string(getpid()) + ","),
              std::string::npos);
    append(alert(1));
    inbox_->close();
    EXPECT_TRUE(try_open().ok()) << "close() gives the file free";
}

TEST_F(InboxFileTest, SecondProcessIsRefused) {
    open();
    const pid_t child = fork();
    if (child == 0) {
        const auto second = try_open();
        _exit(!second.ok() && second.error().code == base::ErrorCode::kInboxInUse ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    append(alert(1));
}

TEST_F(InboxFileTest, TextFileIsForeign) {
    write_bytes(path(), std::string(5000, 't'));
    refuses(base::ErrorCode::kInboxForeign);
}

TEST_F(InboxFileTest, ShortFileIsForeign) {
    write_bytes(path(), std::string("SQLite format 3\0", 16));
    refuses(base::ErrorCode::kInboxForeign);
}

TEST_F(InboxFileTest, EmptyFileIsForeign) {
    write_bytes(path(), "");
    refuses(base::ErrorCode::kInboxForeign);
}

TEST_F(InboxFileTest, OtherDatabaseIsForeign) {
    run_sql(path(), "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    refuses(base::ErrorCode::kInboxForeign);
}

TEST_F(InboxFileTest, NewerVersionIsRefused) {
    make_and_forget_lock();
    patch(60, static_cast<std::uint32_t>(std::stoul(kVersion)) + 1);
    refuses(base::ErrorCode::kInboxNewer);
    patch(60, 0xFFFFFFFF);
    refuses(base::ErrorCode::kInboxNewer);
}

TEST_F(InboxFileTest, NewerVersionThatIsOnlyInTheLogIsRefusedInTheSameWords) {
    make_and_forget_lock();
    sqlite3* newer = nullptr;  // leaves its log where it is until it is closed
    ASSERT_EQ(sqlite3_open(path().c_str(), &newer), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(newer, "PRAGMA journal_mode=WAL; PRAGMA user_version=99", nullptr,
                           nullptr, nullptr),
              SQLITE_OK);
    const auto refused = try_open();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kInboxNewer);
    EXPECT_EQ(refused.error().text, "the inbox " + path() +
                                        " is of version 99, this program knows up to " + kVersion +
                                        ": use the newer program");
    sqlite3_close(newer);
}

TEST_F(InboxFileTest, NoVersionIsMigrated) {
    run_sql(path(), "PRAGMA application_id=" + std::to_string(0x494E434D));
    open();
    append_range(1, 1);
    open();
    EXPECT_EQ(fetch_ids(), Ids{1});
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version1IsMigratedWithWhatItHolds) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v1.sql"));
    open();
    EXPECT_EQ(counts().alerts, 2);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[0].attempt, 2);
    EXPECT_EQ(fetched[0].tries, 2);
    EXPECT_EQ(fetched[0].key, "0123456789abcdef-1-a");
    EXPECT_EQ(fetched[1].text, "[]");
    close();
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
    EXPECT_EQ(rows(path(), "SELECT stored_at_ms = received_at_ms FROM alert"),
              (std::vector<std::string>{"1", "1"}));
    EXPECT_EQ(rows(path(), "SELECT first_alert_id FROM plugin"), std::vector<std::string>{"1"});
}

TEST_F(InboxFileTest, Version2IsMigratedWithItsQuarantine) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v2.sql"));
    open();
    EXPECT_EQ(counts().alerts, 2);
    EXPECT_EQ(counts().open, 2);
    EXPECT_EQ(counts().quarantined[QuarantineKind::kNotJson], 2);
    const auto kept = inbox_->catalog().rejected(3);
    ASSERT_TRUE(kept.ok() && kept.value());
    EXPECT_EQ(kept.value()->request.body, "reboot");
    EXPECT_EQ(kept.value()->request.received_at_ms, 1700000000004);
    EXPECT_EQ(kept.value()->request.signature, std::nullopt);
    ASSERT_TRUE(inbox_->quarantine().keep({1, "/alerts", "no alert", "x"}).ok());
    close();
    EXPECT_EQ(rows(path(), "SELECT id, kind, length(body) FROM quarantine"),
              (std::vector<std::string>{"3|not-json|6", "7|not-json|0", "8|not-json|1"}));
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version3IsMigratedWithItsKeys) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v3.sql"));
    open();
    EXPECT_EQ(append(alert(1)).id, 1) << "forgotten";
    EXPECT_TRUE(append(alert(2)).duplicate);
    EXPECT_EQ(append(alert(3)).id, 3);
    close();
    EXPECT_EQ(rows(path(), "SELECT alert_id FROM seen ORDER BY alert_id"),
              (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version4IsMigratedWithItsFreshKeys) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v4.sql"));
    open();
    EXPECT_TRUE(append(alert(1)).duplicate);
    EXPECT_EQ(append(alert(2)).id, 2) << "forgotten";
    EXPECT_EQ(append(alert(3)).id, 3);
    close();
    EXPECT_EQ(rows(path(), "SELECT alert_id FROM seen ORDER BY alert_id"),
              (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version4IsMigratedWithTheLaterOfTwoWithOneKey) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v4.sql"));
    run_sql(path(),
            "INSERT INTO fresh SELECT 3, key, at_ms + 300001 FROM fresh WHERE alert_id = 1;"
            "UPDATE meta SET value = 3 WHERE key = 'last_alert_id'");
    open();
    EXPECT_EQ(append(alert(1)).id, 3);
}

TEST_F(InboxFileTest, Version5IsMigratedAndItsAlertsKeepTheirKeys) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v5.sql"));
    open();
    EXPECT_TRUE(append(alert(1)).duplicate);
    EXPECT_TRUE(append(alert(2)).duplicate);
    append(alert(3, {"a"}));
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 3U);
    std::vector<std::string> keys;
    for (const Delivery& delivery : fetched) {
        keys.push_back(delivery.key);
    }
    std::sort(keys.begin(), keys.end());
    EXPECT_EQ(std::count(keys.begin(), keys.end(), "0123456789abcdef-1-a"), 1);
    EXPECT_EQ(std::count(keys.begin(), keys.end(), "0123456789abcdef-2-a"), 1);
    EXPECT_EQ(std::count(keys.begin(), keys.end(), "0123456789abcdef-3-a"), 0);
    close();
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version6IsMigratedAndItsDeliveriesAreCounted) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v6.sql"));
    open();
    EXPECT_EQ(counts().open, 3) << "of plugins that are not configured, too";
    EXPECT_EQ(counts().dead, 1);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[1].key.substr(0, 19), "00112233445566aa-2-");
    settle(1, Outcome::kDelivered);
    close();
    EXPECT_EQ(rows(path(), "SELECT key, value FROM meta WHERE key IN ('open', 'dead')"),
              (std::vector<std::string>{"dead|1", "open|2"}));
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version6IsMigratedAndKeepsTracebacksFromNowOn) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v6.sql"));
    open();
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[0].key, "0123456789abcdef-1-a");
    EXPECT_TRUE(fetched[1].key.starts_with("00112233445566aa-2-")) << fetched[1].key;
    fail(1, "Traceback");
    flush();
    close();
    EXPECT_EQ(rows(path(), "SELECT alert_id, plugin_id, attempt, text FROM traceback"),
              std::vector<std::string>{"1|1|2|Traceback"});
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version7IsMigratedAndKeepsStateFromNowOn) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v7.sql"));
    open();
    EXPECT_EQ(counts().open, 3);
    EXPECT_EQ(counts().dead, 1);
    ASSERT_EQ(fetch().size(), 2U);
    inbox_->settle({{1, "a", Outcome::kDelivered}}, {{"k", "1"}});
    ASSERT_TRUE(inbox_->kept_state().write("c", {{"k", "2"}}).ok());
    close();
    EXPECT_EQ(rows(path(), "SELECT plugin_id, key, value FROM plugin_state"),
              (std::vector<std::string>{"1|k|1", "3|k|2"}));
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version8IsMigratedAndKeepsOutagesFromNowOn) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v8.sql"));
    open();
    EXPECT_EQ(counts().open, 3);
    ASSERT_EQ(fetch().size(), 2U);
    settle(1, Outcome::kUnavailable);
    close();
    EXPECT_EQ(rows(path(), "SELECT plugin_id, ended_at_ms IS NULL FROM outage"),
              std::vector<std::string>{"1|1"});
    EXPECT_EQ(rows(path(), "SELECT plugin_id, key, value FROM plugin_state"),
              std::vector<std::string>{"1|k|1"});
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, Version9IsMigratedAndKeepsTracesFromNowOn) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v9.sql"));
    open();
    EXPECT_EQ(counts().open, 3);
    NewAlert traced = alert(3, {"a"});
    traced.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    append(traced);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 3U);
    EXPECT_EQ(std::count_if(fetched.begin(), fetched.end(),
                            [&](const Delivery& one) { return one.trace == traced.trace; }),
              1);
    close();
    EXPECT_EQ(rows(path(), "SELECT id, trace FROM alert"),
              (std::vector<std::string>{"1|NULL", "2|NULL", "3|" + *traced.trace}));
    EXPECT_EQ(rows(path(), "SELECT plugin_id, ended_at_ms FROM outage"),
              std::vector<std::string>{"2|1799999999500"});
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{kVersion});
}

TEST_F(InboxFileTest, KeysThatAreCutOffAreDamage) {
    open();
    close();
    run_sql(path(), "INSERT INTO fresh VALUES (1, 1, zeroblob(33))");
    refuses(base::ErrorCode::kInboxUnusable);
}

TEST_F(InboxFileTest, FailedMigrationChangesNothing) {
    run_sql(path(), "PRAGMA application_id=" + std::to_string(0x494E434D) +
                        "; CREATE TABLE lease(x); INSERT INTO lease VALUES (1)");
    const auto opened = try_open();
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_EQ(rows(path(), "SELECT name FROM sqlite_schema"), std::vector<std::string>{"lease"});
    EXPECT_EQ(rows(path(), "PRAGMA user_version"), std::vector<std::string>{"0"});
}

TEST_F(InboxFileTest, GarbageAfterTheHeaderIsUnusable) {
    make_and_forget_lock();
    std::string bytes = read_bytes(path());
    std::fill(bytes.begin() + 100, bytes.end(), '\x5a');
    write_bytes(path(), bytes);
    refuses(base::ErrorCode::kInboxUnusable);
}

TEST_F(InboxFileTest, FolderAtThePathIsUnusable) {
    fs::create_directory(path());
    refuses(base::ErrorCode::kInboxUnusable);
}

TEST_F(InboxFileTest, PipeAtThePathIsUnusable) {
    ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
    refuses(base::ErrorCode::kInboxUnusable);
}

TEST_F(InboxFileTest, LogWithoutItsFileIsNotThrownAway) {
    write_bytes(path() + "-wal", "may hold acknowledged alerts");
    refuses(base::ErrorCode::kInboxUnusable);
    EXPECT_EQ(read_bytes(path() + "-wal"), "may hold acknowledged alerts");
}

TEST_F(InboxFileTest, MissingFolderIsUnusable) {
    const auto opened = open_at(folder_ / "none/inbox.db", {{}});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_NE(opened.error().text.find("none of the inbox does not exist: create it"),
              std::string::npos);
}

TEST_F(InboxFileTest, ReadOnlyFolderIsUnusable) {
    // No user can make files there, not even root.
    const auto opened = open_at("/proc/self/inbox.db", {{}});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_NE(opened.error().text.find("write access"), std::string::npos) << opened.error().text;
}

TEST_F(InboxFileTest, PluginNamesAreUniqueAndNotEmpty) {
    EXPECT_EQ(try_open({"a", "a"}).error().code, base::ErrorCode::kBadConfig);
    EXPECT_EQ(try_open({""}).error().code, base::ErrorCode::kBadConfig);
    EXPECT_EQ(folder_.names(), std::vector<std::string>{});
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
