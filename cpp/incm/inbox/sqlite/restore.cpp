#include "incm/inbox/sqlite/restore.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_lock.h"
#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/log_check.h"
#include "incm/inbox/sqlite/restore_names.h"
#include "incm/inbox/sqlite/schema.h"
#include "incm/inbox/sqlite/session.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& text) {
    throw base::Failure({base::ErrorCode::kInboxUnusable, text});
}

bool exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

void rename_or_fail(const std::string& from, const std::string& to) {
    if (rename(from.c_str(), to.c_str()) != 0) {
        fail("cannot rename " + from + " to " + to + ": " + std::strerror(errno));
    }
}

/// Return the last number that an inbox gave; 0 when there is none, or it cannot be read.
std::int64_t last_alert_id(const std::string& path) {
    const bool has_log = exists(path + "-wal");
    const bool had_index = exists(path + "-shm");
    std::int64_t last = 0;
    try {
        Database database(path, has_log ? Access::kReadOnly : Access::kFileAlone);
        database.keep_log_on_close(true);
        last = database.integer_of("SELECT value FROM meta WHERE key = 'last_alert_id'");
    } catch (const SqlError&) {
        // The damage of the old inbox may be the reason for the restore.
    }
    if (!had_index) {
        unlink((path + "-shm").c_str());
    }
    return last;
}

std::string aside(const std::string& path) {
    return names_aside(path).back();
}

/// Give the old inbox a second name, so that it stays at its place until the restored one is there.
/// end_restore() repairs the state that a kill between the two steps leaves.
void keep_aside(const std::string& path, const std::string& name) {
    const bool is_whole = exists(path);
    for (const char* suffix : {"", "-wal"}) {
        const std::string from = path + suffix;
        // A log without a file, and files on a file system without links, are renamed at once.
        if (exists(from) && (!is_whole || link(from.c_str(), (name + suffix).c_str()) != 0)) {
            rename_or_fail(from, name + suffix);
        }
    }
}

/// Give a file that root made to the owner of another one, because the server must open it. Opens
/// it in a way that leaves the locks that this process has on it.
void give_to_owner_of(const std::string& other, const std::string& file) {
    struct stat owner {};
    struct stat facts {};
    if (geteuid() != 0 || stat(other.c_str(), &owner) != 0) {
        return;
    }
    const Descriptor made(file, O_PATH | O_NOFOLLOW);
    if (made.get() < 0 || fstat(made.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
        facts.st_nlink != 1 ||  // which no user may have planted as a link to a file of root
        fchownat(made.get(), "", owner.st_uid, owner.st_gid, AT_EMPTY_PATH) != 0) {
        fail("cannot give " + file + " to the owner of " + other + ": " + std::strerror(errno));
    }
}

/// Copy a file and its log, and turn the copy into a complete, separate inbox.
Restored prepare(const std::string& copy, const std::string& unfinished, std::int64_t last_id,
                 base::LogSink& log) {
    remove_unfinished(unfinished);
    fs::copy_file(copy, unfinished);
    if (exists(copy + "-wal")) {
        fs::copy_file(copy + "-wal", unfinished + "-wal");
        check_log(unfinished, std::nullopt, log);
    }
    Restored restored;
    Database database(unfinished, Access::kReadWrite);
    const std::string found = database.text_of("PRAGMA integrity_check(1)");
    if (found != "ok") {
        fail("the copy " + copy + " is damaged (" + found + "): nothing was changed");
    }
    database.set_pragma("journal_mode", "WAL", "wal");
    migrate(database, copy);
    make_separate(database, last_id);
    restored.alerts = database.integer_of("SELECT count(*) FROM alert");
    restored.last_alert_id =
        database.integer_of("SELECT value FROM meta WHERE key = 'last_alert_id'");
    database.checkpoint(true);
    return restored;
}

void put(const std::string& unfinished, const std::string& path, Restored& restored) {
    const std::string folder = fs::path(path).parent_path().string();
    sync(unfinished, O_RDONLY);
    if (exists(path) || exists(path + "-wal")) {
        restored.kept_aside = aside(path);
        keep_aside(path, restored.kept_aside);
        sync(folder, O_RDONLY | O_DIRECTORY);
    }
    rename_or_fail(unfinished, path);
    for (const char* suffix : {"-wal", "-shm", ".check"}) {
        unlink((path + suffix).c_str());
    }
    sync(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace

void end_restore(const std::string& path) {
    remove_unfinished(path + ".new");
    for (const std::string& name : names_aside(path)) {
        if (is_same_file(name, path)) {  // the restored inbox did not reach its place
            unlink(name.c_str());
            if (is_same_file(name + "-wal", path + "-wal")) {
                unlink((name + "-wal").c_str());
            }
        } else if (is_same_file(name + "-wal", path + "-wal")) {
            unlink((path + "-wal").c_str());
            unlink((path + "-shm").c_str());
        }
    }
}

base::Result<Restored> restore(const std::string& copy, const std::string& path,
                               base::LogSink& log) {
    std::string unfinished;
    try {
        const std::string source = resolve(copy);
        const std::string target = resolve(path);
        if (!exists(source)) {
            fail("there is no file " + copy);
        }
        if (source == target) {
            fail(copy + " is the inbox itself: name a copy of it");
        }
        FileLock lock(target + ".lock");
        const std::string owned = exists(target) ? target : fs::path(target).parent_path().string();
        give_to_owner_of(owned, target + ".lock");
        end_restore(target);
        check_place(target);
        check_identity(source);
        unfinished = target + ".new";
        const std::int64_t last_id = exists(target) ? last_alert_id(target) : 0;
        Restored restored = prepare(source, unfinished, last_id, log);
        give_to_owner_of(owned, unfinished);
        put(unfinished, target, restored);
        lock.keep();
        return restored;
    } catch (const std::exception& error) {
        if (!unfinished.empty()) {
            give_up_unfinished(unfinished);
        }
        const auto* failure = dynamic_cast<const base::Failure*>(&error);
        return base::Error{
            failure ? failure->code() : base::ErrorCode::kInboxUnusable,
            failure ? failure->what() : "cannot restore " + copy + ": " + error.what()};
    }
}

}  // namespace incm::inbox::sqlite
