#pragma once

#include <memory>
#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/last_commit.h"

namespace incm::inbox::sqlite {

/// Open the read-write connection; make the file when there is none, migrate it when it is old.
///
/// A new file is built beside its place and renamed when it is complete and on disk, so that what
/// is found under `path` is never half an inbox; what an earlier attempt left of it goes. The
/// caller holds the FileLock of the path, and no descriptor of the file is open in this process.
/// Checks every page when ask_for_check() asked for it; log says that it takes its time. last: what
/// the lock file says.
///
/// Errors:  base::Failure kInboxForeign, kInboxNewer, kInboxUnusable, kInboxUnavailable; SqlError.
///          The bytes of an existing file are unchanged then.
[[nodiscard]] std::unique_ptr<Database> open_writer(const std::string& path,
                                                    const std::optional<LastCommit>& last,
                                                    base::LogSink& log);

/// Open the connection for reading; needs an open writer.
[[nodiscard]] std::unique_ptr<Database> open_reader(const std::string& path);

}  // namespace incm::inbox::sqlite
