#pragma once

#include <cstdint>
#include <string>

#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/file_watch.h"

namespace incm::inbox::sqlite {

// A file and the log beside it belong together only when no other file was put into the place of
// the one. So that this can be told, each open writes a random session into both: into the file at
// once, and by the page that every commit changes into every log (log_check.h). Rows of `meta`:
//   session         of the last open
//   session_before  the one before it, as long as the file may not have `session` itself
//   folded_ms       the inbox clock of the last commit that the file has for sure
//   file_id         of the file while it is open (file_place.h); 0 after a close
//   commits         how many there were of the writer; the lock file has it too (last_commit.h)
//   layout          SQLite's schema_version: VACUUM makes another one, and other pages

/// The session before the first one.
inline const std::string kNoSession = "-";

/// Say in the log that the file needs none once all of it is copied. Errors: SqlError.
void mark_closed(Database& database);

/// Begin a session and an incarnation (delivery_keys.h). Errors: SqlError.
///
/// Copies the log into the file, as far as other readers let it. From now on a close of the
/// connection leaves the log, also when this fails: the file asks for it.
void begin_session(Database& database, const std::string& path);

/// Copy the log into the file and say there that it needs none any more; now_ms: inbox clock. A
/// close of the connection removes the log then, unless the file is lost. Errors: SqlError.
void end_session(Database& database, FileWatch& watch, std::int64_t now_ms);

/// Make a copy of an inbox a closed inbox of its own, to which no log belongs; the next alert gets
/// a number above last_alert_id. Errors: SqlError.
void make_separate(Database& database, std::int64_t last_alert_id);

}  // namespace incm::inbox::sqlite
