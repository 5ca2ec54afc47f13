#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sqlite_fixture.h"

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

TEST_F(InboxUpgradeTest, ARefusedNewerInboxNamesTheLatestCopyThatFits) {
    const auto version = schema_version();
    EXPECT_EQ(newer_inbox_text(path(), version + 1).find("inbox restore"), std::string::npos);
    for (const std::int64_t one : {version - 2, version - 1, version + 1}) {
        std::ofstream(upgrade_copy_name(path(), one)) << "x";
    }
    const std::string text = newer_inbox_text(path(), version + 2);
    const std::string latest = upgrade_copy_name(path(), version - 1);
    EXPECT_NE(text.find("`incm-webhook inbox restore " + latest + " --inbox " + path() + "`"),
              std::string::npos)
        << text;
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
