#include "incm/inbox/session.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
#include "incm/inbox/database_file.h"
#include "incm/inbox/file_place.h"
#include "incm/inbox/recovery.h"

namespace incm::inbox {

namespace {

const std::string kNone = "-";  ///< the session before the first one
constexpr const char* kRandomId = "SELECT lower(hex(randomblob(8)))";

struct Session {
    std::string id;  ///< empty in a file of before version 6
    std::string before;
    std::int64_t clock_ms = 0;
    std::int64_t folded_ms = 0;
    std::int64_t file_id = 0;
    std::int64_t layout = 0;
    std::int64_t layout_now = 0;
};

std::string value_of(Database& database, const std::string& key) {
    return database.text_of("SELECT value FROM meta WHERE key = '" + key + "'");
}

std::int64_t number_of(Database& database, const std::string& key) {
    return database.integer_of("SELECT value FROM meta WHERE key = '" + key + "'");
}

Session read(const std::string& path, Access access) {
    Database database(path, access);
    database.no_checkpoint_on_close();
    const Transaction snapshot(database, false);
    Session session{value_of(database, "session"), value_of(database, "session_before")};
    session.clock_ms = number_of(database, "clock_ms");
    session.folded_ms = number_of(database, "folded_ms");
    session.file_id = number_of(database, "file_id");
    session.layout = number_of(database, "layout");
    session.layout_now = database.integer_of("PRAGMA schema_version");
    return session;
}

void set_folded(Database& database) {
    database.execute(
        "UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'clock_ms')"
        " WHERE key = 'folded_ms'");
}

/// What the log makes of the file. Empty: it can be read by nobody now, which the open will say.
std::optional<Session> read_with_log(const std::string& path) {
    const std::string index = path + "-shm";
    const bool had_index = access(index.c_str(), F_OK) == 0;
    std::optional<Session> session;
    try {
        session = read(path, Access::kReadOnly);
    } catch (const SqlError& error) {
        if (error.damaged()) {
            session.emplace();  // pages of two files
        }
    }
    if (!had_index) {
        unlink(index.c_str());
    }
    return session;
}

bool belongs(const Session& file, const Session& with_log) {
    const std::string& id = file.id.empty() ? kNone : file.id;
    const bool same = with_log.id == file.id || with_log.before == id;
    const bool packed_anew = file.layout != 0 && file.layout != file.layout_now;
    return same && file.clock_ms >= with_log.folded_ms && !packed_anew;
}

[[noreturn]] void refuse(const std::string& text) {
    throw base::Failure({base::ErrorCode::kInboxUnusable, text});
}

/// The file was open when its process ended, and there is no log.
void check_without_log(const std::string& path, const Session& file, base::LogSink& log) {
    if (file.file_id == file_id(path) && access((path + ".check").c_str(), F_OK) != 0) {
        refuse("the inbox " + path + " was not closed, and its log " + path +
               "-wal is missing, with the alerts that were acknowledged last: put it back beside "
               "the inbox. If it is lost, or the inbox is a copy, say so with `touch " +
               path + ".check`: the next start checks every page and serves what is there");
    }
    log.write(base::LogLevel::kWarning,
              "the inbox " + base::printable(path) +
                  " is a copy that was made while it was open, and has no log beside it: a copy "
                  "of the file alone lacks the alerts that were acknowledged last");
    ask_for_check(path);
}

}  // namespace

void check_log(const std::string& path, base::LogSink& log) {
    struct stat facts {};
    const bool has_log = stat((path + "-wal").c_str(), &facts) == 0;
    Session file;
    try {
        file = read(path, Access::kFileAlone);
    } catch (const SqlError&) {
        // Damage, or pages that were being copied when the power went.
        if (has_log && facts.st_size > 0) {
            ask_for_check(path);
        }
        return;
    }
    if (!has_log || facts.st_size == 0) {
        if (file.file_id != 0) {
            check_without_log(path, file, log);
        }
        return;
    }
    const std::optional<Session> with_log = read_with_log(path);
    if (!with_log || belongs(file, *with_log)) {
        return;
    }
    ask_for_check(path);
    refuse("the inbox " + path + " and the log " + path +
           "-wal beside it do not belong together: it is the log of the file that was here before. "
           "If the inbox is a copy that was put back, remove " +
           path + "-wal and " + path + "-shm first");
}

void begin_session(Database& database, const std::string& path) {
    {
        Transaction transaction(database, true);
        const std::string id = database.text_of(kRandomId);
        const std::string before = value_of(database, "session");
        Statement set(database, "UPDATE meta SET value = ?2 WHERE key = ?1");
        set.run(std::string_view("session"), std::string_view(id));
        set.run(std::string_view("session_before"),
                std::string_view(before.empty() ? kNone : before));
        set.run(std::string_view("file_id"), file_id(path));
        set.run(std::string_view("layout"), database.integer_of("PRAGMA schema_version"));
        Statement incarnation(database,
                              "INSERT OR REPLACE INTO incarnation VALUES"
                              " ((SELECT value FROM meta WHERE key = 'last_alert_id') + 1, ?1)");
        incarnation.run(std::string_view(id));
        // Of those whose alerts were all pruned nobody asks for a key.
        database.execute(
            "DELETE FROM incarnation AS old WHERE"
            " (SELECT min(first_alert_id) FROM incarnation WHERE first_alert_id >"
            "   old.first_alert_id) <= ifnull((SELECT min(id) FROM alert), 9223372036854775807)");
        transaction.commit();
    }
    database.checkpoint(false);
    if (database.wal_pages() != 0) {
        return;  // Another program reads: until the next open the file may be of either session.
    }
    Transaction transaction(database, true);
    database.execute("UPDATE meta SET value = '' WHERE key = 'session_before'");
    set_folded(database);
    transaction.commit();
}

void end_session(Database& database, FileWatch& watch, std::int64_t now_ms) {
    {
        Transaction transaction(database, true);
        store_clock(database, now_ms);
        database.execute("UPDATE meta SET value = 0 WHERE key = 'file_id'");
        transaction.commit();
    }
    database.checkpoint(true);
    watch.look();
    if (watch.lost()) {
        // SQLite would remove the log by its name, which may be another file's now.
        database.no_checkpoint_on_close();
    }
}

void make_separate(Database& database, std::int64_t last_alert_id) {
    Transaction transaction(database, true);
    const std::string id = database.text_of(kRandomId);
    Statement set(database, "UPDATE meta SET value = ?2 WHERE key = ?1");
    set.run(std::string_view("session"), std::string_view(id));
    set.run(std::string_view("session_before"), std::string_view(""));
    set.run(std::string_view("file_id"), std::int64_t{0});
    Statement number(database,
                     "UPDATE meta SET value = max(value, ?1) WHERE key = 'last_alert_id'");
    number.run(last_alert_id);
    transaction.commit();
}

}  // namespace incm::inbox
