#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/last_commit.h"

namespace incm::inbox::sqlite {

/// What is done before an old inbox is migrated.
struct Upgrade {
    bool keep_copy = true;           ///< see keep_upgrade_copy()
    std::int64_t reserve_bytes = 0;  ///< free disk that the copy must leave
};

/// Open the writing connection. Create the file when it is missing, and migrate it when it is old.
///
/// A new file is built beside its place and renamed when it is complete and on disk, so that `path`
/// never names an incomplete inbox. The remains of an earlier attempt are removed. The caller holds
/// the FileLock of the path, and no descriptor of the file is open in this process. Checks every
/// page when ask_for_check() was called before, and logs that this takes time. last: the content of
/// the lock file.
///
/// Errors:  base::Failure kInboxForeign, kInboxNewer, kInboxUnusable, kInboxUnavailable; SqlError.
///          The bytes of an existing file are unchanged then.
[[nodiscard]] std::unique_ptr<Database> open_writer(const std::string& path,
                                                    const std::optional<LastCommit>& last,
                                                    base::LogSink& log,
                                                    const Upgrade& upgrade = {});

/// Open a connection for reading. The writer must be open.
[[nodiscard]] std::unique_ptr<Database> open_reader(const std::string& path);

}  // namespace incm::inbox::sqlite
