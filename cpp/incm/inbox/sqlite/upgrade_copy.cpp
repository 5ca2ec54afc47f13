#include "incm/inbox/sqlite/upgrade_copy.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
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

std::string mebibytes(std::int64_t bytes) {
    return std::to_string((bytes + 1024 * 1024 - 1) / (1024 * 1024)) + " MiB";
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

}  // namespace

std::string no_room_for_upgrade_copy(const std::string& path, std::int64_t version,
                                     std::int64_t reserve_bytes) {
    const std::string folder = fs::path(path).parent_path().string();
    struct statvfs disk {};
    if (statvfs(folder.c_str(), &disk) != 0) {
        return {};
    }
    const std::int64_t bytes = size_of(path) + size_of(path + "-wal");
    const auto free = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
    if (free - bytes >= reserve_bytes) {
        return {};
    }
    return "the inbox " + path + " is of version " + std::to_string(version) +
           ", and before its upgrade to " + std::to_string(schema_version()) +
           " a copy is kept, which needs " + mebibytes(bytes) + "; the disk of " + folder +
           " has " + mebibytes(free) + " free, of which " + mebibytes(reserve_bytes) +
           " are kept in reserve: make room, or set backup_before_migrate = false in [inbox]";
}

void keep_upgrade_copy(Database& source, const std::string& path, std::int64_t version,
                       std::int64_t reserve_bytes, base::LogSink& log) {
    if (const std::string why = no_room_for_upgrade_copy(path, version, reserve_bytes);
        !why.empty()) {
        throw failure(why);
    }
    const std::string name = upgrade_copy_name(path, version);
    try {
        UnfinishedFile unfinished(name, log);
        copy(source, unfinished.path());
        // Until now an earlier copy of this version was the only one; the new one is complete.
        unlink(name.c_str());
        unfinished.publish();
    } catch (const base::Failure& why) {
        throw failure(
            "no copy of the inbox can be kept before its upgrade: " + std::string(why.what()) +
            "; see to that, or set backup_before_migrate = false in [inbox]");
    }
    log.write(base::LogLevel::kInfo, "upgrading the inbox from version " + std::to_string(version) +
                                         " to " + std::to_string(schema_version()) +
                                         "; a copy is kept, to go back: " + base::printable(name));
}

}  // namespace incm::inbox::sqlite
