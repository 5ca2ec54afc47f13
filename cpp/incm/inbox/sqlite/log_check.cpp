#include "incm/inbox/sqlite/log_check.h"

#include <cstdint>
#include <fstream>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/local_time.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/inbox_file.h"
#include "incm/inbox/sqlite/restore_names.h"
#include "incm/inbox/sqlite/session.h"

namespace incm::inbox::sqlite {

namespace {

/// The session as recorded in a file, or in a file with its log.
struct Session {
    std::string id;  ///< empty in a file from before version 6
    std::string before;
    std::int64_t clock_ms = 0;
    std::int64_t folded_ms = 0;
    std::int64_t file_id = 0;
    std::int64_t layout = 0;
    std::int64_t layout_now = 0;
    std::int64_t commits = 0;
};

Session read(const std::string& path, Access access) {
    Database database(path, access);
    database.keep_log_on_close(true);
    const Transaction snapshot(database, false);
    const auto text = [&](const char* key) {
        return database.text_of(std::string("SELECT value FROM meta WHERE key = '") + key + "'");
    };
    const auto number = [&](const char* key) {
        return database.integer_of(std::string("SELECT value FROM meta WHERE key = '") + key + "'");
    };
    Session session{text("session"), text("session_before")};
    session.clock_ms = number("clock_ms");
    session.folded_ms = number("folded_ms");
    session.file_id = number("file_id");
    session.layout = number("layout");
    session.layout_now = database.integer_of("PRAGMA schema_version");
    session.commits = number("commits");
    return session;
}

/// Read the session of the file with its log. Empty: it cannot be read now, which the open will
/// report.
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
    const std::string& id = file.id.empty() ? kNoSession : file.id;
    const bool same = with_log.id == file.id || with_log.before == id;
    const bool packed_anew = file.layout != 0 && file.layout != file.layout_now;
    return same && file.clock_ms >= with_log.folded_ms && !packed_anew;
}

LogFinding without_file(const std::string& path, const std::optional<LastCommit>& last,
                        bool has_log) {
    LogFinding finding;
    if (has_log) {
        // SQLite would replay it into a new file. It may hold acknowledged alerts.
        finding.refusal = "there is no inbox " + path + ", but its log " + path +
                          "-wal is there: put the inbox back, or move the log away";
    } else if (last) {
        finding.warning = "the inbox " + path + " that was here until " +
                          base::local_time(last->wall_ms) +
                          " is gone, with its log: a new one begins, without its alerts. If it "
                          "was moved, stop the server, and put it back with its log";
    }
    return finding;
}

/// Whether the lock file records the last commit of this session.
bool is_known(const std::optional<LastCommit>& last, const Session& session) {
    return last && !last->boot.empty() && last->boot == boot_id() && last->session == session.id;
}

std::string missing_since(const LastCommit& last, const Session& found) {
    return "the last " + std::to_string(last.number - found.commits) +
           " transactions, made until " + base::local_time(last.wall_ms);
}

/// Return how to continue without the lost transactions.
std::string way_on(const std::string& path) {
    return "`touch " + path + ".check`: the next start checks every page and serves what is there";
}

/// The log belongs to the file, but lacks some of the commits.
LogFinding with_part_of_log(const std::string& path, const Session& with_log,
                            const LastCommit& last) {
    LogFinding finding;
    const std::string what = "the log " + path + "-wal lacks " + missing_since(last, with_log) +
                             ": it was emptied, or is an older one";
    if (access((path + ".check").c_str(), F_OK) == 0) {
        finding.warning =
            what + ". What is there is served, because " + path + ".check asks for it";
    } else {
        finding.refusal = what +
                          ". Put back the log of the last process; if it is lost, go on "
                          "with " +
                          way_on(path);
    }
    return finding;
}

/// The file was open when its process ended, and its log is missing.
LogFinding without_log(const std::string& path, const Session& file,
                       const std::optional<LastCommit>& last) {
    const std::string what =
        "the inbox " + path + " was not closed, and its log " + path + "-wal is missing";
    LogFinding finding;
    if (file.file_id != file_id(path)) {
        finding.warning = "the inbox " + path +
                          " is a copy that was made while it was open, and has no log beside it: "
                          "a copy of the file alone lacks the alerts that were acknowledged last";
        finding.is_doubtful = true;
        return finding;
    }
    if (access((path + ".check").c_str(), F_OK) == 0) {
        finding.warning =
            what + ": what is there is served, because " + path + ".check asks for it";
        return finding;
    }
    if (is_known(last, file) && file.commits >= last->number) {
        finding.news = "the inbox " + path +
                       " was not closed, and another program opened it since: it copied the "
                       "log into the inbox, and nothing is missing";
    } else if (is_known(last, file)) {
        finding.refusal = what + " with " + missing_since(*last, file) +
                          ": put it back beside the inbox. If it is lost, go on with " +
                          way_on(path);
    } else {
        finding.refusal =
            what +
            ". If it was removed or left behind, the alerts that were acknowledged last "
            "are in it: put it back beside the inbox. If another program (such as sqlite3) "
            "opened the inbox since, it copied the log into the inbox, and nothing is "
            "missing. If the log is lost, or nothing is missing, go on with " +
            way_on(path);
    }
    return finding;
}

}  // namespace

LogFinding look_at_log(const std::string& path, const std::optional<LastCommit>& last) {
    struct stat facts {};
    const bool has_log = stat((path + "-wal").c_str(), &facts) == 0 && facts.st_size > 0;
    if (access(path.c_str(), F_OK) != 0) {
        return without_file(path, last, has_log);
    }
    LogFinding finding;
    Session file;
    try {
        file = read(path, Access::kFileAlone);
    } catch (const SqlError&) {
        // Damage, or pages that were being copied during a power cut.
        finding.is_doubtful = has_log;
        return finding;
    }
    if (!has_log) {
        return file.file_id == 0 ? finding : without_log(path, file, last);
    }
    const std::optional<Session> with_log = read_with_log(path);
    if (with_log && !belongs(file, *with_log)) {
        finding.is_doubtful = true;
        finding.refusal = "the inbox " + path + " and the log " + path +
                          "-wal beside it do not belong together: it is the log of the file that "
                          "was here before. If the inbox is a copy that was put back, remove " +
                          path + "-wal and " + path + "-shm first";
    } else if (with_log && is_known(last, *with_log) && with_log->commits < last->number) {
        return with_part_of_log(path, *with_log, *last);
    }
    return finding;
}

LogFinding look_at_log(const std::string& path) {
    if (names_left_by_restore(path, "-wal") > 0 && names_left_by_restore(path, "") == 0) {
        return {};  // the old log, which the next start removes
    }
    std::ifstream lock(path + ".lock");
    std::string process;
    std::string line;
    std::getline(lock, process);
    std::getline(lock, line);
    return look_at_log(path, LastCommit::parse(line + "\n"));
}

void check_log(const std::string& path, const std::optional<LastCommit>& last, base::LogSink& log) {
    const LogFinding finding = look_at_log(path, last);
    if (!finding.warning.empty()) {
        log.write(base::LogLevel::kWarning,
                  base::printable(finding.warning, finding.warning.size()));
    }
    if (!finding.news.empty()) {
        log.write(base::LogLevel::kInfo, base::printable(finding.news, finding.news.size()));
    }
    if (finding.is_doubtful) {
        ask_for_check(path);
    }
    if (!finding.refusal.empty()) {
        throw base::Failure({base::ErrorCode::kInboxUnusable, finding.refusal});
    }
}

}  // namespace incm::inbox::sqlite
