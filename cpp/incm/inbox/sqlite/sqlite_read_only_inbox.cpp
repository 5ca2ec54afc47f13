#include "incm/inbox/sqlite/sqlite_read_only_inbox.h"

#include <exception>
#include <optional>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/lock_holder.h"
#include "incm/inbox/sqlite/recovery.h"

namespace incm::inbox::sqlite {

namespace {

bool has_content(const std::string& path) {
    struct stat facts {};
    return stat(path.c_str(), &facts) == 0 && facts.st_size > 0;
}

/// Open a connection and read from the file; without its log when that cannot be read.
std::unique_ptr<Database> connect(const std::string& path, base::LogSink& log) {
    if (has_content(path + "-wal")) {
        try {
            auto database = std::make_unique<Database>(path, Access::kReadOnly);
            database->keep_log_on_close(true);
            static_cast<void>(stored_clock_ms(*database));
            return database;
        } catch (const SqlError& error) {
            if (error.damaged()) {
                throw;
            }
            log.write(base::LogLevel::kWarning,
                      "the log " + base::printable(path) + "-wal cannot be read (" + error.what() +
                          "): what is only in it is not shown. Copy both into a folder that can be "
                          "written to see everything");
        }
    }
    return std::make_unique<Database>(path, Access::kFileAlone);
}

}  // namespace

SqliteReadOnlyInbox::SqliteReadOnlyInbox(std::string path, std::unique_ptr<Database> database,
                                         bool made_index)
    : path_(std::move(path)),
      made_index_(made_index),
      clock_(base::now, stored_clock_ms(*database)),
      catalog_(path_, clock_, std::move(database)) {}

SqliteReadOnlyInbox::~SqliteReadOnlyInbox() {
    catalog_.close();
    if (made_index_) {
        unlink((path_ + "-shm").c_str());
    }
}

base::Result<std::unique_ptr<SqliteReadOnlyInbox>> SqliteReadOnlyInbox::open(
    const std::string& path, base::LogSink& log) {
    try {
        const std::string resolved = resolve(path);
        if (const auto holder = find_holder(resolved + ".lock")) {
            return base::Error{base::ErrorCode::kInboxInUse, holder->text};
        }
        check_identity(resolved);
        const bool had_index = access((resolved + "-shm").c_str(), F_OK) == 0;
        auto database = connect(resolved, log);
        const std::int64_t version = database->integer_of("PRAGMA user_version");
        if (version < kOldestReadable) {
            return base::Error{base::ErrorCode::kInboxUnusable,
                               "the inbox " + path + " is of version " + std::to_string(version) +
                                   ", which is too old to be read without a migration: `inbox "
                                   "restore` makes an inbox of the current version from it"};
        }
        const bool made_index = !had_index && access((resolved + "-shm").c_str(), F_OK) == 0;
        return std::unique_ptr<SqliteReadOnlyInbox>(
            new SqliteReadOnlyInbox(resolved, std::move(database), made_index));
    } catch (const base::Failure& failure) {
        return base::Error{failure.code(), failure.what()};
    } catch (const std::exception& error) {
        return base::Error{base::ErrorCode::kInboxUnusable,
                           "cannot read the inbox " + path + ": " + error.what()};
    }
}

}  // namespace incm::inbox::sqlite
