#pragma once

#include <cstdint>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::inbox::sqlite {

/// The result of a restore.
struct Restored {
    std::int64_t alerts = 0;  ///< now in the inbox
    /// Number of the last alert; the next alert gets a higher number than any that the old inbox
    /// gave, as far as that inbox can be read.
    std::int64_t last_alert_id = 0;
    std::string kept_aside;  ///< the new path of the old inbox; empty: there was none
};

/// Replace an inbox that no process has open with a copy of an inbox.
///
/// The copy is checked page by page, with its log when one is beside it, and stays as it is. The
/// old inbox is kept under another name. When root restores, the inbox belongs to the owner and the
/// group of the old one, or of the folder when there is no old one. After a crash during a restore,
/// end_restore() leaves either the old inbox or the restored one at `path`. On a file system
/// without hard links neither may be there; then no server starts until an inbox is put there.
/// Errors:  kInboxInUse; kInboxForeign, kInboxNewer, kInboxUnusable: the copy cannot be used.
///          Nothing is changed then.
[[nodiscard]] base::Result<Restored> restore(const std::string& copy, const std::string& path,
                                             base::LogSink& log);

/// Finish or undo a restore whose process was killed; does nothing when there is none.
///
/// The caller holds the lock of the inbox.
/// Errors:  base::Failure kInboxUnusable.
void end_restore(const std::string& path);

}  // namespace incm::inbox::sqlite
