#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

namespace incm::inbox::sqlite {

/// The process that has an inbox open.
struct LockHolder {
    pid_t pid;         ///< 0: not known
    std::string text;  ///< a sentence that names it and says what to do
};

/// Find the process that holds the lock of an inbox.
///
/// The lock file names a process, but that process may have ended: then a child that it left, or a
/// process of another container, holds the lock. So this looks for the process that really has the
/// file open.
///
/// descriptor: of the lock file, which another process has locked. path: its name.
[[nodiscard]] LockHolder holder_of(int descriptor, const std::string& path);

/// Find the process that has an inbox open, without opening the inbox; empty when there is none.
///
/// path: of the lock file, which need not exist.
/// Errors:  base::Failure kInboxUnusable when that cannot be determined.
[[nodiscard]] std::optional<LockHolder> find_holder(const std::string& path);

}  // namespace incm::inbox::sqlite
