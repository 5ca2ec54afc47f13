#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "incm/inbox/sqlite/file_lock.h"

namespace incm::inbox::sqlite {

class Database;

/// The last commit of an open inbox. The lock file beside it holds this record, also after the
/// process was killed.
///
/// A missing log was either copied into the file (by another program that opened and closed it), or
/// lost. The number tells which: in the first case the file has all commits up to it. After a power
/// cut the record may be older than the last commit, so it is used only while the same kernel runs.
struct LastCommit {
    std::string boot;     ///< the run of the kernel; empty: not known
    std::string session;  ///< of the inbox (session.h)
    std::int64_t number = 0;
    std::int64_t wall_ms = 0;  ///< when it was made

    /// Parse the text after the first line of a lock file; empty when it cannot be read.
    [[nodiscard]] static std::optional<LastCommit> parse(std::string_view text);
    /// Return the last commit of a database; wall_ms: now. Errors: SqlError.
    [[nodiscard]] static LastCommit of(Database& database, std::int64_t wall_ms);
    /// Return the line for the lock file, including its line end. Its length is constant for a boot
    /// and a session.
    [[nodiscard]] std::string line() const;
};

/// Return the identity of this run of the kernel; empty: not known.
[[nodiscard]] std::string boot_id();

/// Notes each commit in the lock file. This costs a system call that does not wait for the disk,
/// because data in the kernel survives the end of the process.
///
/// Threads: one at a time.
class CommitNote {
 public:
    /// The lock must outlive this object.
    CommitNote(FileLock& lock, const LastCommit& last);
    /// Report that a commit is on disk. When the lock file cannot be written, it names no commit.
    void committed(std::int64_t number, std::int64_t wall_ms) noexcept;

 private:
    FileLock& lock_;
    std::string line_;
};

}  // namespace incm::inbox::sqlite
