#pragma once

#include <string>

namespace incm::inbox::sqlite {

/// Return another process with a lock on an open inbox, as `process 4242 (sqlite3)`. "" when the
/// kernel shows none: the process may be in another container. index: the `-shm` of the inbox,
/// where SQLite has its locks.
[[nodiscard]] std::string foreign_reader(const std::string& index);
/// Return the process that holds the lock for writing, in the same way.
[[nodiscard]] std::string foreign_writer(const std::string& index);

}  // namespace incm::inbox::sqlite
