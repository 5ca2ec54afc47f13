#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

#include "incm/inbox/sqlite/database.h"

struct sqlite3_file;

namespace incm::inbox::sqlite {

/// Detects that another program overwrote the open file or its log in place, as `cp` does. Device
/// and inode number stay the same then, but later commits are in no inbox.
///
/// Another program may legitimately write the file by copying the log into it, as replicators do.
/// Then the file still belongs to this session, and has everything that the log builds on.
/// Threads: that of the database.
/// Source:  https://sqlite.org/walformat.html for the log and its index.
class Overwriting {
 public:
    /// Call it after a session has begun (session.h). database: the writing connection; it must
    /// outlive this object.
    Overwriting(const std::string& path, Database& database);

    /// Report that this process copied the log, or a part of it, into the file. commits: their
    /// number so far.
    void folded(std::int64_t commits) noexcept;

    enum class Part { kNone, kFile, kLog };
    /// Check what is overwritten now. facts: stat(2) of the file. Not within a transaction.
    [[nodiscard]] Part look(const struct stat& facts) noexcept;

 private:
    [[nodiscard]] bool file_is_ours() noexcept;
    [[nodiscard]] bool is_of_session(Database& file) const;
    [[nodiscard]] bool log_is_ours() noexcept;

    const std::string path_;
    Database& database_;
    sqlite3_file* const file_;  ///< of the connection, as long as that is open
    sqlite3_file* const log_;   ///< likewise
    const std::string session_;
    const std::string session_before_;  ///< which the file may have until the whole log is in it
    std::int64_t commits_ = 0;          ///< commits that the file has for certain
    struct stat facts_ {};              ///< of the file, when it was last found to be ours
};

}  // namespace incm::inbox::sqlite
