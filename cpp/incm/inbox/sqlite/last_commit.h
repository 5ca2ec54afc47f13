#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "incm/inbox/sqlite/file_lock.h"

namespace incm::inbox::sqlite {

class Database;

/// The last commit of an open inbox, as the lock file beside it tells after a kill.
///
/// A log that is gone was copied into the file (as another program does that opens and closes it),
/// or it is lost: the file has all commits up to this number, or it has not. After a power cut this
/// may be an earlier one than the last, so it counts only while the same kernel runs.
struct LastCommit {
    std::string boot;     ///< which run of the kernel; empty: not known
    std::string session;  ///< of the inbox (session.h)
    std::int64_t number = 0;
    std::int64_t wall_ms = 0;  ///< when it was made

    /// From what stands behind the first line of a lock file; empty: nothing that can be read.
    [[nodiscard]] static std::optional<LastCommit> parse(std::string_view text);
    /// The last one that a database has; wall_ms: now. Errors: SqlError.
    [[nodiscard]] static LastCommit of(Database& database, std::int64_t wall_ms);
    /// The line of the lock file, with its end: always of one length for a boot and a session.
    [[nodiscard]] std::string line() const;
};

/// Which run of the kernel this is; empty: not known.
[[nodiscard]] std::string boot_id();

/// Tells the lock file of each commit, at the price of a system call that does not wait for the
/// disk: what the kernel has survives the end of the process.
///
/// Threads: one at a time.
class CommitNote {
 public:
    /// The lock must outlive this.
    CommitNote(FileLock& lock, const LastCommit& last);
    /// This commit is on disk. The lock file tells no commit when it cannot be written.
    void committed(std::int64_t number, std::int64_t wall_ms) noexcept;

 private:
    FileLock& lock_;
    std::string line_;
};

}  // namespace incm::inbox::sqlite
