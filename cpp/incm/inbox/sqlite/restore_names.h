#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace incm::inbox::sqlite {

/// Return the names under which restores kept earlier inboxes, and then the first name that is
/// free. path: of the inbox.
[[nodiscard]] std::vector<std::string> names_aside(const std::string& path);

/// Count the second names that an interrupted restore gave the inbox at path, or its part with this
/// suffix. The next start removes them. Changes nothing.
[[nodiscard]] std::size_t names_left_by_restore(const std::string& path, const std::string& suffix);

/// Whether both names belong to one existing file.
[[nodiscard]] bool is_same_file(const std::string& one, const std::string& other);

}  // namespace incm::inbox::sqlite
