#pragma once

#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/last_commit.h"

namespace incm::inbox::sqlite {

/// What is to be said of an inbox file and the log beside it, before one is read into the other.
/// Each text is a sentence; empty: nothing.
struct LogFinding {
    std::string refusal;       ///< why it is not opened
    std::string warning;       ///< what the operator should know
    std::string news;          ///< what is harmless
    bool is_doubtful = false;  ///< every page should be checked
};

/// Look whether a file and its log belong together (session.h), and whether a file or a log is
/// missing. No connection is open, and none of this process has the inbox open.
///
/// Shape:   path: of the inbox, which need not exist. last: what its lock file says.
///          Nothing is changed; for a moment the index of the log may be beside it.
/// Errors:  none: what cannot be read says the open.
[[nodiscard]] LogFinding look_at_log(const std::string& path,
                                     const std::optional<LastCommit>& last);

/// The same of an inbox whose lock nobody has, with what its lock file says.
[[nodiscard]] LogFinding look_at_log(const std::string& path);

/// look_at_log(), told to the log; asks for the check of every page (ask_for_check()) in doubt.
///
/// The caller holds the lock of the inbox. Errors: base::Failure kInboxUnusable with the refusal;
/// file and log are unchanged then.
void check_log(const std::string& path, const std::optional<LastCommit>& last, base::LogSink& log);

}  // namespace incm::inbox::sqlite
