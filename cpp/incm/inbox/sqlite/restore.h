#pragma once

#include <cstdint>
#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::inbox::sqlite {

/// What a restore did.
struct Restored {
    std::int64_t alerts = 0;         ///< in the inbox now
    std::int64_t last_alert_id = 0;  ///< the number of the last one; the next one gets a higher one
                                     ///< than any that the old inbox gave, as far as it can be read
    std::string kept_aside;          ///< where the old inbox is now; empty: there was none
};

/// Put a copy of an inbox into the place of an inbox that no process has open.
///
/// The copy is checked page by page, with its own log when one is beside it, and stays as it is.
/// The old inbox is kept under another name. After a crash meanwhile the place has the old one or
/// the restored one, once end_restore() was called; on a file system without hard links it may have
/// none, and no server starts before one is put there.
/// Errors:  kInboxInUse; kInboxForeign, kInboxNewer, kInboxUnusable: the copy cannot be used.
///          Nothing is changed then.
[[nodiscard]] base::Result<Restored> restore(const std::string& copy, const std::string& path,
                                             base::LogSink& log);

/// Set right what a restore left whose process was killed; without such a thing nothing is done.
///
/// The caller holds the lock of the inbox. Errors: base::Failure kInboxUnusable.
void end_restore(const std::string& path);

}  // namespace incm::inbox::sqlite
