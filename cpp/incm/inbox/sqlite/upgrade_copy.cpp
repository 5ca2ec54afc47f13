#include "incm/inbox/sqlite/upgrade_copy.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/schema.h"
#include "incm/inbox/sqlite/session.h"
#include "incm/inbox/sqlite/unfinished.h"
#include "incm/inbox/sqlite/upgrade_copy_name.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

base::Failure failure(const std::string& text) {
    return base::Failure({base::ErrorCode::kInboxUnavailable, text});
}

std::int64_t size_of(const std::string& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(size);
}

constexpr std::int64_t kMiB = 1024 * 1024;

std::string folder_of(const std::string& path) {
    return fs::path(path).parent_path().string();
}

/// Return what the removal of a file frees; 0 for what is no file of its own.
std::int64_t removable_bytes(const std::string& path) {
    struct stat facts {};
    const bool is_file = lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
    return is_file && facts.st_nlink == 1 ? facts.st_blocks * 512 : 0;
}

std::int64_t copy_bytes(const std::string& path) {
    return size_of(path) + size_of(path + "-wal");
}

/// Whether the disk has room for the copy, the migration and the next alerts. When that is not
/// known, the copy is tried.
bool has_room_for(const std::string& path, std::int64_t removable, std::int64_t reserve_bytes) {
    struct statvfs disk {};
    if (statvfs(folder_of(path).c_str(), &disk) != 0) {
        return true;
    }
    const std::int64_t bytes = copy_bytes(path);
    const auto free = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
    return free + removable - bytes - bytes / 8 - 64 * kMiB >= reserve_bytes;
}

std::string mebibytes(std::int64_t bytes) {
    return std::to_string((bytes + kMiB - 1) / kMiB) + " MiB";
}

void copy(Database& source, const std::string& unfinished) {
    Database target(unfinished, Access::kReadWrite);
    // Half a copy is useless, so no journal is written, and pages are not synced one by one.
    target.set_pragma("journal_mode", "OFF", "off");
    target.set_pragma("synchronous", "OFF", "0");
    {
        const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
            sqlite3_backup_init(target.handle(), "main", source.handle(), "main"),
            sqlite3_backup_finish);
        const int code = backup ? sqlite3_backup_step(backup.get(), -1) : SQLITE_ERROR;
        if (code != SQLITE_DONE) {
            throw SqlError(code, backup ? sqlite3_errstr(code) : sqlite3_errmsg(target.handle()));
        }
    }
    target.set_pragma("journal_mode", "WAL", "wal");
    make_separate(target, 0);
    target.checkpoint(true);
}

/// Return what tells the states of an inbox apart; "" before version 7, which counts no commits.
std::string state_of(Database& database) {
    if (database.integer_of("SELECT count(*) FROM meta WHERE key = 'commits'") == 0) {
        return {};
    }
    return database.text_of(
        "SELECT group_concat(key || '=' || value, ' ') || ' ' || (SELECT count(*) FROM plugin)"
        " FROM (SELECT key, value FROM meta"
        "       WHERE key IN ('inbox_id', 'commits', 'last_alert_id', 'clock_ms') ORDER BY key)");
}

bool is_whole_copy_of(Database& source, const std::string& name, std::int64_t version) {
    if (removable_bytes(name) == 0 || size_of(name + "-wal") != 0) {
        return false;
    }
    try {
        const std::string state = state_of(source);
        Database found(name, Access::kFileAlone);
        return !state.empty() && found.integer_of("PRAGMA user_version") == version &&
               state_of(found) == state && found.text_of("PRAGMA quick_check(1)") == "ok";
    } catch (const SqlError&) {
        return false;  // and so it is replaced
    }
}

void make_room(const std::string& path, const std::string& name, std::int64_t reserve_bytes,
               base::LogSink& log) {
    if (has_room_for(path, 0, reserve_bytes) || removable_bytes(name) == 0) {
        return;
    }
    if (unlink(name.c_str()) == 0) {
        log.write(base::LogLevel::kWarning,
                  "removed " + base::printable(name) +
                      ", the earlier copy of this version, to make room for the new one");
    }
}

base::Failure no_copy(const std::string& why) {
    return failure("no copy of the inbox can be kept before its upgrade: " + why +
                   "; see to that, or set backup_before_migrate = false in [inbox]");
}

}  // namespace

std::string no_room_for_upgrade_copy(const std::string& path, std::int64_t version,
                                     std::int64_t reserve_bytes) {
    const std::int64_t removable =
        UnfinishedFile::left_over_bytes(path) + removable_bytes(upgrade_copy_name(path, version));
    if (has_room_for(path, removable, reserve_bytes)) {
        return {};
    }
    const std::int64_t bytes = copy_bytes(path);
    return "the inbox " + path + " is of version " + std::to_string(version) +
           ", and before its upgrade to " + std::to_string(schema_version()) +
           " a copy is kept, which needs " + mebibytes(bytes) + ", and the upgrade " +
           mebibytes(bytes / 8 + 64 * kMiB) + "; the disk of " + folder_of(path) +
           " has less than that besides the " + mebibytes(reserve_bytes) +
           " that are kept in reserve: make room, or set backup_before_migrate = false in [inbox]";
}

void keep_upgrade_copy(Database& source, const std::string& path, std::int64_t version,
                       std::int64_t reserve_bytes, base::LogSink& log) {
    UnfinishedFile::remove_left_over(path, log);
    if (const std::string why = no_room_for_upgrade_copy(path, version, reserve_bytes);
        !why.empty()) {
        throw failure(why);
    }
    const std::string name = upgrade_copy_name(path, version);
    try {
        if (is_whole_copy_of(source, name, version)) {
            sync(folder_of(path), O_RDONLY | O_DIRECTORY);
        } else {
            make_room(path, name, reserve_bytes, log);
            UnfinishedFile unfinished(name, log);
            copy(source, unfinished.path());
            unfinished.replace();
        }
    } catch (const base::Failure& why) {
        throw no_copy(why.what());
    } catch (const SqlError& why) {
        if (why.damaged()) {
            throw;
        }
        throw no_copy(why.what());
    }
    log.write(base::LogLevel::kInfo, "upgrading the inbox from version " + std::to_string(version) +
                                         " to " + std::to_string(schema_version()) +
                                         "; a copy is kept, to go back: " + base::printable(name));
}

}  // namespace incm::inbox::sqlite
