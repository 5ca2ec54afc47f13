#pragma once

#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/last_commit.h"

namespace incm::inbox::sqlite {

/// The findings about an inbox file and the log beside it, before the log is read into the file.
/// Each text is a sentence, or empty.
struct LogFinding {
    std::string refusal;       ///< why the inbox must not be opened
    std::string warning;       ///< what the operator should know
    std::string news;          ///< information that is harmless
    bool is_doubtful = false;  ///< every page should be checked
};

/// Check whether a file and its log belong together (session.h), and whether one of them is
/// missing. This process must have no connection to the inbox.
///
/// Shape:   path: of the inbox, which need not exist. last: the content of its lock file. Nothing
///          is changed; the index of the log may exist beside it for a moment.
/// Errors:  none: opening the inbox reports what cannot be read.
[[nodiscard]] LogFinding look_at_log(const std::string& path,
                                     const std::optional<LastCommit>& last);

/// Check an inbox whose lock is free in the same way, with the content of its lock file.
[[nodiscard]] LogFinding look_at_log(const std::string& path);

/// Run look_at_log(), and log its findings. In doubt, ask for a check of every page
/// (ask_for_check()).
///
/// The caller holds the lock of the inbox.
/// Errors:  base::Failure kInboxUnusable with the refusal; file and log are unchanged then.
void check_log(const std::string& path, const std::optional<LastCommit>& last, base::LogSink& log);

}  // namespace incm::inbox::sqlite
