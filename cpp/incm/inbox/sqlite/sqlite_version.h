#pragma once

#include <string>

namespace incm::inbox::sqlite {

/// The version of the SQLite in use, such as `3.53.4`.
/// Threads: any.
[[nodiscard]] std::string sqlite_version();

}  // namespace incm::inbox::sqlite
