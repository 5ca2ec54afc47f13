#pragma once

#include <string>

namespace incm::inbox::sqlite {

/// Return the name of the network file system, or of the kind of share of another machine, that
/// holds a path: "NFS". Empty for a local disk, and when it cannot be determined.
///
/// SQLite needs shared memory between processes for its log, and locks that work. A network file
/// system may lack both, or only seem to have them.
[[nodiscard]] std::string network_file_system(const std::string& path);

/// Return the end of the message about a failure of locks or shared memory at a path: "; it is on
/// NFS, and ...", or what a disk must support.
[[nodiscard]] std::string local_disk_advice(const std::string& path);

}  // namespace incm::inbox::sqlite
