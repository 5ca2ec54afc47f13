#include <csignal>

#include "sqlite_fixture.h"
#include <sys/wait.h>
#include <unistd.h>

#include "incm/inbox/sqlite/last_commit.h"
#include "incm/inbox/sqlite/log_check.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

/// How an open reports a file whose log is gone, and an inbox that is gone.
class InboxLogTest : public SqliteInboxTest {
 protected:
    /// Leave three alerts and a log behind, as a kill does.
    void be_killed() {
        const pid_t child = fork();
        if (child == 0) {
            open();
            append_range(1, 3);
            kill(getpid(), SIGKILL);
            _exit(1);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));
        ASSERT_TRUE(fs::exists(path() + "-wal"));
    }
    [[nodiscard]] std::string refusal() {
        const auto opened = try_open();
        EXPECT_FALSE(opened.ok());
        return opened.ok() ? "" : opened.error().text;
    }
    [[nodiscard]] LastCommit last_commit() const {
        const std::string text = read_bytes(path() + ".lock");
        return LastCommit::parse(text.substr(text.find('\n') + 1)).value();
    }
    void write_lock_file(const LastCommit& last) const {
        write_bytes(path() + ".lock", "1\n" + last.line());
    }
    /// Another program that opens and closes the inbox: it copies the log into the file.
    void be_read_by_another() const {
        run_sql(path(), "SELECT count(*) FROM alert");
        ASSERT_FALSE(fs::exists(path() + "-wal"));
    }
};

TEST_F(InboxLogTest, ALogThatAnotherProgramCopiedIntoTheFileIsNotMissing) {
    be_killed();
    be_read_by_another();
    EXPECT_EQ(look_at_log(path()).refusal, "");
    open();
    EXPECT_EQ(counts().alerts, 3);
    EXPECT_TRUE(log_.has("another program opened it since: it copied the log into the inbox"));
    EXPECT_FALSE(log_.has("checking all of it"));
}

TEST_F(InboxLogTest, ALogThatIsLostIsMissing) {
    be_killed();
    const std::int64_t made = last_commit().number;
    EXPECT_GE(made, 1);
    fs::remove(path() + "-wal");
    const std::string text = refusal();
    EXPECT_NE(text.find(path() + "-wal is missing with the last " + std::to_string(made) +
                        " transactions, made until 20"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("`touch " + path() + ".check`"), std::string::npos) << text;
    EXPECT_EQ(look_at_log(path()).refusal, text) << "a check gives the same reason";
    EXPECT_FALSE(fs::exists(path() + ".check")) << "without a request there is none";
    write_bytes(path() + ".check", "");
    open();
    EXPECT_EQ(counts().alerts, 0);
    EXPECT_TRUE(log_.has("what is there is served, because " + path() + ".check asks for it"));
    EXPECT_TRUE(log_.has("checking all of it"));
}

TEST_F(InboxLogTest, ALogOfWhichOnlyThePartBeforeACopyIsThereIsMissing) {
    be_killed();
    LastCommit last = last_commit();
    ++last.number;  // one commit more than the log had
    write_lock_file(last);
    be_read_by_another();
    EXPECT_NE(refusal().find("with the last 1 transactions"), std::string::npos);
}

TEST_F(InboxLogTest, WithoutEvidenceBothCasesAreNamed) {
    be_killed();
    be_read_by_another();
    const LastCommit last = last_commit();
    LastCommit other_boot = last;
    other_boot.boot.back() = other_boot.boot.back() == '0' ? '1' : '0';
    LastCommit no_boot = last;
    no_boot.boot.clear();
    LastCommit other_session = last;
    other_session.session = "0011223344556677";
    for (const LastCommit& one : {other_boot, no_boot, other_session}) {
        write_lock_file(one);
        const std::string text = refusal();
        EXPECT_NE(text.find("put it back beside the inbox"), std::string::npos) << text;
        EXPECT_NE(text.find("another program (such as sqlite3) opened the inbox since"),
                  std::string::npos)
            << text;
        EXPECT_NE(text.find("go on with `touch " + path() + ".check`"), std::string::npos) << text;
    }
    for (const char* text : {"1\n", "1", "", "1\nboot=x session=y commit=-1 at_ms=2\n",
                             "1\nboot=x session=y commit=1\n", "1\nboot=", "no\nthing\n"}) {
        write_bytes(path() + ".lock", text);
        EXPECT_NE(refusal().find("another program (such as sqlite3)"), std::string::npos) << text;
    }
    write_lock_file(last);
    open();
    EXPECT_EQ(counts().alerts, 3);
}

TEST_F(InboxLogTest, TheLockFileNamesTheLastCommit) {
    open();
    const LastCommit before = last_commit();
    EXPECT_EQ(before.boot, boot_id());
    EXPECT_NE(before.boot, "");
    append_range(1, 2);
    clock_.pass(5000);
    append_range(3, 3);
    const LastCommit after = last_commit();
    EXPECT_EQ(after.session, before.session);
    EXPECT_EQ(after.number, before.number + 3);
    EXPECT_EQ(after.wall_ms, clock_.wall_ms);
    const std::string size = read_bytes(path() + ".lock");
    close();
    EXPECT_EQ(rows(path(), "SELECT value FROM meta WHERE key = 'commits'"),
              std::vector<std::string>{std::to_string(after.number)});
    open();
    EXPECT_EQ(last_commit().number, after.number) << "it goes on";
    EXPECT_NE(last_commit().session, after.session);
    EXPECT_EQ(read_bytes(path() + ".lock").size(), size.size());
}

TEST_F(InboxLogTest, AnInboxThatIsGoneIsWarnedAboutOnce) {
    open();
    EXPECT_FALSE(log_.has("is gone")) << "there was none";
    append_range(1, 1);
    close();
    fs::remove(path());
    EXPECT_NE(look_at_log(path()).warning.find("a new one begins, without its alerts"),
              std::string::npos);
    open();
    EXPECT_EQ(counts().alerts, 0);
    EXPECT_TRUE(log_.has("the inbox " + path() + " that was here until 20"));
    EXPECT_TRUE(log_.has("is gone, with its log: a new one begins"));
    EXPECT_EQ(look_at_log(path()).warning, "");
}

TEST_F(InboxLogTest, AWarningIsLoggedToItsEndHoweverLongThePathIs) {
    const std::string folder = folder_ / std::string(200, 'x');
    fs::create_directory(folder);
    use(open_at(folder + "/inbox.db", {.plugins = {{"a"}}}));
    append_range(1, 1);
    close();
    fs::remove(folder + "/inbox.db");
    use(open_at(folder + "/inbox.db", {.plugins = {{"a"}}}));
    EXPECT_TRUE(log_.has("put it back with its log"));
}

TEST_F(InboxLogTest, AnInboxThatIsGoneButForItsLogIsRefused) {
    be_killed();
    fs::remove(path());
    EXPECT_NE(look_at_log(path()).refusal.find("put the inbox back"), std::string::npos);
    EXPECT_NE(refusal().find("there is no inbox " + path() + ", but its log"), std::string::npos);
    EXPECT_TRUE(fs::exists(path() + "-wal"));
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
