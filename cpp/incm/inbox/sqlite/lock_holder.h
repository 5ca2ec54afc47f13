#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

namespace incm::inbox::sqlite {

/// Who has an inbox open.
struct LockHolder {
    pid_t pid;         ///< 0: not known
    std::string text;  ///< a sentence that says so, and what to do
};

/// Say who holds the lock of an inbox, and keeps this process from it.
///
/// The lock file names a process, but that may have ended: a process that it left behind, or one
/// of another container, holds the lock then. So who really has the file open is looked for.
///
/// descriptor: of the lock file, which is locked by somebody else. path: its name.
[[nodiscard]] LockHolder holder_of(int descriptor, const std::string& path);

/// Say who has an inbox open, without opening it; empty when nobody has.
///
/// path: of the lock file, which need not exist.
/// Errors:  throws base::Failure (kInboxUnusable) when it cannot be told.
[[nodiscard]] std::optional<LockHolder> find_holder(const std::string& path);

}  // namespace incm::inbox::sqlite
