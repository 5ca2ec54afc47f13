#include "incm/inbox/database_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
#include "incm/inbox/disk_trouble.h"
#include "incm/inbox/file_place.h"
#include "incm/inbox/log_check.h"
#include "incm/inbox/open_error.h"
#include "incm/inbox/restore.h"
#include "incm/inbox/schema.h"
#include "incm/inbox/session.h"

namespace incm::inbox {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr std::size_t kUserVersionOffset = 60;
constexpr std::size_t kApplicationIdOffset = 68;

[[noreturn]] void fail(base::ErrorCode code, const std::string& text) {
    throw base::Failure({code, text});
}

/// As errno says.
[[noreturn]] void fail_by_system(const std::string& text) {
    const int reason = errno;
    throw start_failure(reason, text + ": " + std::strerror(reason));
}

/// The parts of a file that is made, and what SQLite and a check of it put beside it.
constexpr std::array kUnfinished = {"", "-wal", "-shm", "-journal", ".check"};

std::uint32_t big_endian(const std::array<unsigned char, kHeaderBytes>& header, std::size_t at) {
    return static_cast<std::uint32_t>(header[at]) << 24 |
           static_cast<std::uint32_t>(header[at + 1]) << 16 |
           static_cast<std::uint32_t>(header[at + 2]) << 8 |
           static_cast<std::uint32_t>(header[at + 3]);
}

}  // namespace

void sync(const std::string& path, int flags) {
    const Descriptor file(path, flags);
    if (file.get() < 0 || fsync(file.get()) != 0) {
        fail_by_system("cannot write " + path + " to disk");
    }
}

void remove_unfinished(const std::string& path) {
    for (const char* suffix : kUnfinished) {
        const std::string name = path + suffix;
        if (unlink(name.c_str()) != 0 && errno != ENOENT) {
            fail_by_system("cannot remove " + name + ", left by an earlier start");
        }
    }
}

void give_up_unfinished(const std::string& path) noexcept {
    for (const char* suffix : kUnfinished) {
        unlink((path + suffix).c_str());
    }
}

void check_identity(const std::string& path) {
    std::array<unsigned char, kHeaderBytes> header{};
    ssize_t size = 0;
    {
        const Descriptor file(path, O_RDONLY);
        size = file.get() < 0 ? -1 : read(file.get(), header.data(), header.size());
    }
    if (size < 0) {
        fail_by_system("cannot read the inbox " + path);
    }
    if (static_cast<std::size_t>(size) < kHeaderBytes ||
        std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0 ||
        big_endian(header, kApplicationIdOffset) != kApplicationId) {
        fail(base::ErrorCode::kInboxForeign,
             path + (size == 0 ? " is an empty file" : " is not an inbox of this program") +
                 ": name another path, or move the file away");
    }
    // The version is a signed number in SQLite; a negative one is nothing we ever wrote.
    const auto version = big_endian(header, kUserVersionOffset);
    if (version > schema_version()) {
        throw newer_inbox(path, version);
    }
}

namespace {

/// Build an empty inbox beside its place, and put it there.
void make(const std::string& unfinished, const std::string& path) {
    {
        // SQLite gives its log the rights of the file. Bodies are not for every user of the
        // machine.
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
    // Debian builds SQLite to overwrite deleted rows with zeros: writes that nobody here needs.
    database.set_pragma("secure_delete", "OFF", "0");
    database.set_pragma("cache_size", "-16384");
    // An INSERT of several rows keeps the pages that it changes until its end: in memory, not in a
    // file in /tmp, which may be full or not there.
    database.set_pragma("temp_store", "MEMORY", "2");
    database.set_pragma("journal_size_limit", "67108864");
}

std::string check_marker(const std::string& path) {
    return path + ".check";
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
    log.write(base::LogLevel::kInfo, "the inbox is whole");
}

/// Without links, also where the last one leads to a file that is still to be made: a file in its
/// place would hide the one that it means, on a disk that is not mounted yet.
fs::path without_links(const fs::path& path, std::error_code& error) {
    fs::path absolute = fs::weakly_canonical(path, error);
    std::error_code not_there;
    while (!error && fs::is_symlink(fs::symlink_status(absolute, not_there))) {
        const fs::path target = fs::read_symlink(absolute, error);
        absolute = fs::weakly_canonical(absolute.parent_path() / target, error);
    }
    return absolute;
}

}  // namespace

std::string resolve(const std::string& path) {
    std::error_code error;
    const fs::path absolute = without_links(fs::absolute(path, error), error);
    if (error) {
        throw start_failure(error.value(),
                            "cannot use the inbox path " + path + ": " + error.message());
    }
    const bool has_folder = fs::is_directory(absolute.parent_path(), error);
    if (is_of_disk(error.value())) {
        throw start_failure(error.value(), "cannot reach the folder " +
                                               absolute.parent_path().string() +
                                               " of the inbox: " + error.message());
    }
    if (!has_folder) {
        fail(base::ErrorCode::kInboxUnusable, "the folder " + absolute.parent_path().string() +
                                                  " of the inbox does not exist: create it");
    }
    const fs::file_status status = fs::status(absolute, error);
    if (fs::exists(status) && !fs::is_regular_file(status)) {
        fail(base::ErrorCode::kInboxUnusable,
             absolute.string() + " is not a file: name a file for the inbox");
    }
    return absolute.string();
}

void ask_for_check(const std::string& path) noexcept {
    const Descriptor marker(check_marker(path), O_WRONLY | O_CREAT);
    if (marker.get() >= 0) {
        fsync(marker.get());
    }
}

namespace {

[[noreturn]] void refuse_protected(const std::string& path) {
    const bool may_write = access(path.c_str(), W_OK) == 0;
    const int reason = may_write ? EACCES : errno;
    const char* const advice =
        is_of_disk(reason) ? ", because its file system is mounted read-only: see to the disk"
                           : ": give this user write access";
    throw start_failure(reason, "the inbox " + path + " is write-protected" + advice);
}

/// What was only in the log of a process that has ended goes into the file.
void take_over_log(Database& database) {
    // Without its log the file is an inbox that nobody has open: it must not ask for the log again.
    mark_closed(database);
    // A kill may have left commits in the kernel's pages alone, and a repetition of such an alert
    // is acknowledged without a write of its own.
    database.checkpoint(true);
}

}  // namespace

std::unique_ptr<Database> open_writer(const std::string& path,
                                      const std::optional<LastCommit>& last, base::LogSink& log) {
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
        migrate(*database, path);
        if (had_log) {
            take_over_log(*database);
        }
        warn_of_network(path, log);
    } catch (...) {
        // The log of an earlier process must not go into a file that is refused; an own one must
        // not stay behind.
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

}  // namespace incm::inbox
