#pragma once

#include <string>

namespace incm::inbox::sqlite {

/// Another process with a lock on an open inbox, as `process 4242 (sqlite3)`; "" when the kernel
/// shows none: it may be in another container. index: the inbox's `-shm`, in which SQLite locks.
[[nodiscard]] std::string foreign_reader(const std::string& index);
/// The same, of the one that may write now.
[[nodiscard]] std::string foreign_writer(const std::string& index);

}  // namespace incm::inbox::sqlite
