#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

#include "incm/inbox/sqlite/database.h"

struct sqlite3_file;

namespace incm::inbox::sqlite {

/// Sees whether another program wrote over the open file or its log in place, as `cp` does: device
/// and inode stay what they were, and what is committed from then on is in no inbox.
///
/// The file may be written by who copies the log into it, which replicators do, too: then it is
/// still of this session, and has all that the log builds on.
/// Threads: that of the database.
/// Source:  https://sqlite.org/walformat.html for the log and its index.
class Overwriting {
 public:
    /// A session has begun (session.h). database: the connection that writes; must outlive this.
    Overwriting(const std::string& path, Database& database);

    /// This process copied the log into the file, or a part of it. commits: there were so many.
    void folded(std::int64_t commits) noexcept;

    enum class Part { kNone, kFile, kLog };
    /// What was overwritten, as of now. facts: of the file. Not within a transaction.
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
    const std::string session_before_;  ///< which the file may have until all of the log is in it
    std::int64_t commits_ = 0;          ///< that the file has for sure
    struct stat facts_ {};              ///< of the file, when it was ours
};

}  // namespace incm::inbox::sqlite
