#pragma once

#include <cstdint>
#include <string>

namespace incm::inbox::sqlite {

/// Return the path of the copy that is kept before an inbox of a version is upgraded: `PATH.v8`.
[[nodiscard]] std::string upgrade_copy_name(const std::string& path, std::int64_t version);

/// Return the copy beside an inbox with the latest version up to this one; "" when there is none.
[[nodiscard]] std::string find_upgrade_copy(const std::string& path, std::int64_t version);

}  // namespace incm::inbox::sqlite
