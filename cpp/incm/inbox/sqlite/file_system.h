#pragma once

#include <string>

namespace incm::inbox::sqlite {

/// The name of the network file system, or share of another machine, that a path is on: "NFS";
/// empty on a local disk, and when it cannot be told.
///
/// SQLite's log is shared memory between the processes of one machine, and its locks have to work:
/// a network file system may lack both, or only seem to have them.
[[nodiscard]] std::string network_file_system(const std::string& path);

/// What to say behind a failure of locks or shared memory at a path: "; it is on NFS, and ...", or
/// what a disk must be able to do.
[[nodiscard]] std::string local_disk_advice(const std::string& path);

}  // namespace incm::inbox::sqlite
