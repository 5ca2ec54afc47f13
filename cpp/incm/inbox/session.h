#pragma once

#include <cstdint>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/file_watch.h"
#include "incm/inbox/sqlite.h"

namespace incm::inbox {

// A file and the log beside it belong together only when no other file was put into the place of
// the one. So that this can be told, each open writes a random session into both: into the file at
// once, and by the page that every commit changes into every log. Rows of `meta`:
//   session         of the last open
//   session_before  the one before it, as long as the file may not have `session` itself
//   folded_ms       the inbox clock of the last commit that the file has for sure
//   file_id         of the file while it is open (file_place.h); 0 after a close
//   layout          SQLite's schema_version: VACUUM makes another one, and other pages

/// See that a file and its log belong together, before the log is read into the file.
///
/// Asks for the check of every page (ask_for_check()) where that is in doubt. The caller holds the
/// lock of the inbox, and no connection is open.
/// Errors:  base::Failure kInboxUnusable: the log is of another file, older or packed anew, or it
///          is missing although the file was not closed. File and log are unchanged then.
void check_log(const std::string& path, base::LogSink& log);

/// Begin a session and an incarnation (delivery_keys.h). Errors: SqlError.
///
/// Copies the log into the file, as far as other readers let it.
void begin_session(Database& database, const std::string& path);

/// Copy the log into the file and say there that it needs none any more; now_ms: inbox clock. What
/// is left of the log stays where it is when the file is lost. Errors: SqlError.
void end_session(Database& database, FileWatch& watch, std::int64_t now_ms);

/// Make a copy of an inbox a closed inbox of its own, to which no log belongs; the next alert gets
/// a number above last_alert_id. Errors: SqlError.
void make_separate(Database& database, std::int64_t last_alert_id);

}  // namespace incm::inbox
