#include "incm/inbox/sqlite/sqlite_backup.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/statvfs.h>

#include "incm/base/background_thread.h"
#include "incm/base/bytes.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/session.h"

namespace incm::inbox::sqlite {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPagesAStep = 64;  ///< 256 KiB
/// The copy is synced in pieces of this size: a larger piece would delay the syncs of alerts.
constexpr std::int64_t kSyncBytes = 4LL * 1024 * 1024;
constexpr std::int64_t kLongestRestUs = 100'000;

base::Failure failure(const std::string& text) {
    return base::Failure({base::ErrorCode::kMalformedRequest, text});
}

std::string folder_of(const std::string& file) {
    return std::filesystem::path(file).parent_path().string();
}

std::string mebibytes(std::int64_t bytes) {
    return std::to_string(bytes / (1024 * 1024)) + " MiB";
}

void check_name(const std::string& file) {
    if (!file.starts_with('/') || file.find('\0') != std::string::npos) {
        throw failure("the file of a backup needs an absolute path");
    }
    std::error_code error;
    if (!std::filesystem::is_directory(folder_of(file), error)) {
        throw failure("there is no folder " + folder_of(file) + " for the backup: create it");
    }
    if (std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
        throw failure(file + " exists: a backup overwrites nothing, name another file");
    }
}

}  // namespace

SqliteBackup::SqliteBackup(const std::string& path, DiskReserve& reserve, base::LogSink& log)
    : reserve_(reserve), log_(log), source_(open_reader(path)) {
    static_cast<void>(size());  // opens the log too
}

SqliteBackup::~SqliteBackup() {
    close();
}

std::int64_t SqliteBackup::size() {
    return source_->integer_of("PRAGMA page_count") * source_->integer_of("PRAGMA page_size");
}

base::Status SqliteBackup::start(const std::string& file) {
    const std::lock_guard lock(starting_);
    if (!source_) {
        return closed_error();
    }
    if (progress().state == BackupProgress::State::kRunning) {
        return base::Error{base::ErrorCode::kMalformedRequest,
                           "a backup to " + progress().file + " is under way: wait for its end"};
    }
    if (thread_.joinable()) {
        thread_.join();
    }
    try {
        check_name(file);
        const std::int64_t bytes = size();
        see_room(folder_of(file), bytes);
        const std::lock_guard changing(mutex_);
        cancelling_ = false;
        progress_ = {BackupProgress::State::kRunning, file, 0, bytes, 0, {}};
    } catch (const base::Failure& wrong) {
        return base::Error{wrong.code(), wrong.what()};
    } catch (const SqlError& error) {
        return base::Error{base::ErrorCode::kStoreFailed, error.what()};
    }
    thread_ = base::start_without_signals("incm-backup", [this, file] { run(file); });
    return base::success();
}

/// Check that the copy leaves as much room on its disk as the reserve of the inbox.
void SqliteBackup::see_room(const std::string& folder, std::int64_t wanted) const {
    struct statvfs disk {};
    if (statvfs(folder.c_str(), &disk) != 0) {
        return;
    }
    const auto free = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
    if (free - wanted < reserve_.reserve_bytes()) {
        throw failure("the backup needs " + mebibytes(wanted) + ", and the disk of " + folder +
                      " has " + mebibytes(free) + " free, of which " +
                      mebibytes(reserve_.reserve_bytes()) +
                      " are kept in reserve: name a file on another disk");
    }
    if (reserve_.low()) {
        throw failure("the disk of the inbox is nearly full, and its log grows while it is copied");
    }
}

void SqliteBackup::run(const std::string& file) {
    std::string error;
    try {
        UnfinishedFile unfinished(file, log_);
        copy(unfinished);
        unfinished.publish();
    } catch (const std::exception& failed) {
        error = failed.what();
    }
    log_.write(error.empty() ? base::LogLevel::kInfo : base::LogLevel::kWarning,
               error.empty() ? "a backup of the inbox was made: " + base::printable(file)
                             : "no backup of the inbox was made: " + base::printable(error));
    const std::lock_guard lock(mutex_);
    progress_.state = error.empty() ? BackupProgress::State::kDone : BackupProgress::State::kFailed;
    progress_.error = error;
}

void SqliteBackup::copy(const UnfinishedFile& unfinished) {
    Database target(unfinished.path(), Access::kReadWrite);
    {
        // Half a copy is useless, so no journal is written, and pages are not synced one by one.
        target.set_pragma("journal_mode", "OFF", "off");
        target.set_pragma("synchronous", "OFF", "0");
        const Transaction snapshot(*source_, false);
        const std::int64_t last =
            source_->integer_of("SELECT value FROM meta WHERE key = 'last_alert_id'");
        {
            const std::lock_guard lock(mutex_);
            progress_.last_alert_id = last;
        }
        step_until_done(target, unfinished);
    }
    target.set_pragma("journal_mode", "WAL", "wal");
    make_separate(target, 0);
    target.checkpoint(true);
}

void SqliteBackup::step_until_done(Database& target, const UnfinishedFile& unfinished) {
    const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
        sqlite3_backup_init(target.handle(), "main", source_->handle(), "main"),
        sqlite3_backup_finish);
    const std::int64_t page = source_->integer_of("PRAGMA page_size");
    std::int64_t synced = 0;
    for (int code = SQLITE_OK; code != SQLITE_DONE;) {
        const auto begin = Clock::now();
        code = backup ? sqlite3_backup_step(backup.get(), kPagesAStep) : SQLITE_ERROR;
        if (code != SQLITE_OK && code != SQLITE_DONE) {
            throw SqlError(code, backup ? sqlite3_errstr(code) : sqlite3_errmsg(target.handle()));
        }
        const std::int64_t pages = sqlite3_backup_pagecount(backup.get());
        const std::int64_t done = (pages - sqlite3_backup_remaining(backup.get())) * page;
        {
            const std::lock_guard lock(mutex_);
            progress_.bytes = done;
            progress_.of_bytes = pages * page;
        }
        if (done - synced >= kSyncBytes) {
            synced = done;
            fdatasync(unfinished.descriptor());
            posix_fadvise(unfinished.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
            see_room(folder_of(unfinished.path()), 0);
        }
        rest(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count());
    }
}

void SqliteBackup::rest(std::int64_t worked_us) {
    std::unique_lock lock(mutex_);
    cancelled_.wait_for(lock, std::chrono::microseconds(std::min(worked_us, kLongestRestUs)),
                        [this] { return cancelling_; });
    if (cancelling_) {
        throw failure("it was cancelled");
    }
}

void SqliteBackup::cancel() {
    {
        const std::lock_guard lock(mutex_);
        cancelling_ = true;
    }
    cancelled_.notify_all();
}

BackupProgress SqliteBackup::progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
}

void SqliteBackup::close() {
    cancel();
    const std::lock_guard lock(starting_);
    if (thread_.joinable()) {
        thread_.join();
    }
    source_.reset();
}

}  // namespace incm::inbox::sqlite
