#include <filesystem>

#include "sqlite_fixture.h"
#include <sys/stat.h>
#include <unistd.h>

#include "incm/inbox/sqlite/restore.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kUser = 54321;
constexpr gid_t kGroup = 54322;

/// What root restores must be usable by the server, which is another user.
class RestoreOwnerTest : public SqliteInboxTest {
 protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
        open();
        close();
        fs::copy_file(path(), copy_);
    }
    void restore_it() {
        const auto restored = restore(copy_, path(), log_);
        ASSERT_TRUE(restored.ok()) << restored.error().text;
    }
    static void expect_owned(const std::string& file) {
        struct stat facts {};
        ASSERT_EQ(stat(file.c_str(), &facts), 0) << file;
        EXPECT_EQ(facts.st_uid, kUser) << file;
        EXPECT_EQ(facts.st_gid, kGroup) << file;
    }
    const std::string copy_ = folder_ / "copy.db";
};

TEST_F(RestoreOwnerTest, ARestoredInboxBelongsToTheOwnerOfTheOldOne) {
    ASSERT_EQ(chown(path().c_str(), kUser, kGroup), 0);
    restore_it();
    expect_owned(path());
    expect_owned(path() + ".lock");
}

TEST_F(RestoreOwnerTest, WithoutAnOldInboxItBelongsToTheOwnerOfTheFolder) {
    fs::remove(path());
    fs::remove(path() + ".lock");
    ASSERT_EQ(chown(fs::path(path()).parent_path().c_str(), kUser, kGroup), 0);
    restore_it();
    expect_owned(path());
    expect_owned(path() + ".lock");
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
