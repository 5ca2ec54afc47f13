#pragma once

#include <cstdint>
#include <string>

#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_watch.h"

namespace incm::inbox::sqlite {

// A file and the log beside it belong together only if neither was replaced by another file. To
// detect that, each open writes a random session into both: into the file at once, and into every
// log with the page that every commit changes (log_check.h). Rows of `meta`:
//   session         that of the last open
//   session_before  the one before it, as long as the file may not have `session` itself
//   folded_ms       the inbox clock of the last commit that the file has for certain
//   file_id         that of the file while it is open (file_place.h); 0 after a close
//   commits         number of commits of the writer; the lock file has it too (last_commit.h)
//   layout          SQLite's schema_version: VACUUM changes it, and the pages

/// The value of session_before in the first session.
inline const std::string kNoSession = "-";

/// Record in the log that the file needs no log once all of it is copied. Errors: SqlError.
void mark_closed(Database& database);

/// Begin a session and an incarnation (delivery_keys.h). Errors: SqlError.
///
/// Copies the log into the file as far as other readers allow. From now on, closing the connection
/// leaves the log, also when this fails, because the file then records that it needs its log.
void begin_session(Database& database, const std::string& path);

/// Copy the log into the file, and record there that it no longer needs a log. Closing the
/// connection then removes the log, unless the file is lost.
/// Units:   now_ms: inbox clock.
/// Errors:  SqlError.
void end_session(Database& database, FileWatch& watch, std::int64_t now_ms);

/// Turn a copy of an inbox into a separate, closed inbox without a log. Its next alert gets a
/// number above last_alert_id.
/// Errors:  SqlError.
void make_separate(Database& database, std::int64_t last_alert_id);

}  // namespace incm::inbox::sqlite
