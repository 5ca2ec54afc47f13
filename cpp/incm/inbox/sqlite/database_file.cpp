#include "incm/inbox/sqlite/database_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/disk_trouble.h"
#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/log_check.h"
#include "incm/inbox/sqlite/open_error.h"
#include "incm/inbox/sqlite/restore.h"
#include "incm/inbox/sqlite/schema.h"
#include "incm/inbox/sqlite/session.h"
#include "incm/inbox/sqlite/upgrade_copy.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(base::ErrorCode code, const std::string& text) {
    throw base::Failure({code, text});
}

/// Throw the failure for the current errno.
[[noreturn]] void fail_by_system(const std::string& text) {
    const int reason = errno;
    throw start_failure(reason, text + ": " + std::strerror(reason));
}

/// Build an empty inbox beside its place, and rename it to its place.
void make(const std::string& unfinished, const std::string& path) {
    {
        // SQLite gives its log the permissions of the file. Not every user of the machine may read
        // bodies.
        const Descriptor file(unfinished, O_WRONLY | O_CREAT | O_EXCL);
        if (file.get() < 0 || fchmod(file.get(), 0640) != 0) {
            fail_by_system("cannot create the inbox " + path);
        }
    }
    {
        Database database(unfinished, Access::kCreate);
        database.set_pragma("application_id", std::to_string(kApplicationId));
        database.set_pragma("journal_mode", "WAL", "wal");
        database.set_pragma("synchronous", "FULL", "2");
        migrate(database, path);
        database.checkpoint(true);
    }
    sync(unfinished, O_RDONLY);
    if (rename(unfinished.c_str(), path.c_str()) != 0) {
        fail_by_system("cannot create the inbox " + path);
    }
}

void create(const std::string& path) {
    const std::string unfinished = path + ".new";
    try {
        make(unfinished, path);
    } catch (...) {
        give_up_unfinished(unfinished);
        throw;
    }
    sync(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

void configure_writer(Database& database) {
    database.set_pragma("journal_mode", "WAL", "wal");
    database.set_pragma("synchronous", "FULL", "2");
    database.set_pragma("foreign_keys", "OFF", "0");
    // Debian builds SQLite to overwrite deleted rows with zeros, which costs writes that are not
    // needed here.
    database.set_pragma("secure_delete", "OFF", "0");
    database.set_pragma("cache_size", "-16384");
    // An INSERT of several rows keeps the pages that it changes until its end. They stay in memory
    // instead of in a file in /tmp, which may be full or missing.
    database.set_pragma("temp_store", "MEMORY", "2");
    database.set_pragma("journal_size_limit", "67108864");
}

void check_if_asked(Database& database, const std::string& path, base::LogSink& log) {
    const std::string marker = check_marker(path);
    if (access(marker.c_str(), F_OK) != 0) {
        return;
    }
    log.write(base::LogLevel::kWarning,
              "checking all of it: " + base::printable(marker) + " asks for it");
    const std::string found = database.text_of("PRAGMA integrity_check(1)");
    if (found != "ok") {
        fail(base::ErrorCode::kInboxUnusable,
             "the inbox " + path + " is damaged (" + found + "): restore it from a copy");
    }
    if (unlink(marker.c_str()) != 0) {
        fail_by_system("cannot remove " + marker);
    }
    log.write(base::LogLevel::kInfo, "the inbox is intact");
}

}  // namespace

namespace {

[[noreturn]] void refuse_protected(const std::string& path) {
    const bool may_write = access(path.c_str(), W_OK) == 0;
    const int reason = may_write ? EACCES : errno;
    const char* const advice =
        is_of_disk(reason) ? ", because its file system is mounted read-only: see to the disk"
                           : ": give this user write access";
    throw start_failure(reason, "the inbox " + path + " is write-protected" + advice);
}

void keep_copy_if_old(Database& database, const std::string& path, const Upgrade& upgrade,
                      base::LogSink& log) {
    const std::int64_t version = database.integer_of("PRAGMA user_version");
    if (upgrade.keep_copy && version > 0 && version < schema_version()) {
        keep_upgrade_copy(database, path, version, upgrade.reserve_bytes, log);
    }
}

/// Copy what is only in the log of an ended process into the file.
void take_over_log(Database& database) {
    // Without its log the file is a closed inbox: it must not require the log again.
    mark_closed(database);
    // A kill may have left commits only in pages of the kernel, and a repetition of such an alert
    // is acknowledged without a write.
    database.checkpoint(true);
}

}  // namespace

std::unique_ptr<Database> open_writer(const std::string& path,
                                      const std::optional<LastCommit>& last, base::LogSink& log,
                                      const Upgrade& upgrade) {
    end_restore(path);
    const bool is_there = access(path.c_str(), F_OK) == 0;
    if (is_there) {
        check_place(path);
        check_identity(path);
    } else if (errno != ENOENT) {
        fail_by_system("cannot reach the inbox " + path);
    }
    check_log(path, last, log);
    if (!is_there) {
        create(path);
    }
    const bool had_log = access((path + "-wal").c_str(), F_OK) == 0;
    auto database = std::make_unique<Database>(path, Access::kReadWrite);
    if (database->read_only()) {
        refuse_protected(path);
    }
    try {
        configure_writer(*database);
        check_if_asked(*database, path, log);
        keep_copy_if_old(*database, path, upgrade, log);
        migrate(*database, path);
        if (had_log) {
            take_over_log(*database);
        }
        warn_of_network(path, log);
    } catch (...) {
        // The log of an earlier process must not be copied into a refused file; a log of this
        // process must not stay.
        if (had_log) {
            database->keep_log_on_close(true);
        }
        throw;
    }
    return database;
}

std::unique_ptr<Database> open_reader(const std::string& path) {
    auto database = std::make_unique<Database>(path, Access::kReadOnly);
    database->set_pragma("query_only", "ON", "1");
    return database;
}

}  // namespace incm::inbox::sqlite
