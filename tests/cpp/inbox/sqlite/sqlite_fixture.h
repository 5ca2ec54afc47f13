#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../inbox_fixture.h"
#include "file_storage.h"
#include <gtest/gtest.h>
#include <sqlite3.h>

namespace incm::inbox::sqlite::test {

using namespace inbox::test;

/// Run statements on a file with a connection of its own; the inbox must be closed.
inline void run_sql(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_free(error);
    sqlite3_close(database);
}

/// The rows of a query, columns joined with '|', read-only.
inline std::vector<std::string> rows(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    std::vector<std::string> found;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        std::string row;
        for (int column = 0; column < sqlite3_column_count(statement); ++column) {
            const auto* text = sqlite3_column_text(statement, column);
            row += (column ? "|" : "");
            row += text ? reinterpret_cast<const char*>(text) : "NULL";
        }
        found.push_back(row);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return found;
}

/// The inbox as a file, with what only a file has.
class SqliteInboxTest : public ::testing::Test, protected InboxFixture {
 protected:
    SqliteInboxTest()
        : InboxFixture(std::make_unique<FileStorage>()),
          folder_(static_cast<FileStorage&>(*storage_).folder) {}

    base::Result<std::unique_ptr<Inbox>> open_at(const std::string& path, Options options) {
        options.clock = clock_.source();
        return FileStorage::open_at(path, options, log_);
    }
    /// What is stored of how many are open and dead, and known of it, is so of the rows.
    void expect_totals_in_rows() {
        const auto is = [&](const std::string& key, const std::string& dead, std::int64_t known) {
            const auto counted = rows(path(), "SELECT count(*) FROM delivery WHERE dead = " + dead);
            EXPECT_EQ(rows(path(), "SELECT value FROM meta WHERE key = '" + key + "'"), counted);
            EXPECT_EQ(std::vector<std::string>{std::to_string(known)}, counted);
        };
        const Counts now = counts();
        is("open", "0", now.open);
        is("dead", "1", now.dead);
    }
    [[nodiscard]] std::string path() const { return folder_ / "inbox.db"; }

    Folder& folder_;
};

}  // namespace incm::inbox::sqlite::test
