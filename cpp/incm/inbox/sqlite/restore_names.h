#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace incm::inbox::sqlite {

/// The names under which a restore kept the inboxes of before, and the first one at which nothing
/// is. path: of the inbox.
[[nodiscard]] std::vector<std::string> names_aside(const std::string& path);

/// How many second names an interrupted restore gave the inbox at path, or the part of it with this
/// suffix: the next start takes them away. Changes nothing.
[[nodiscard]] std::size_t names_left_by_restore(const std::string& path, const std::string& suffix);

/// Whether both names are of one file that exists.
[[nodiscard]] bool is_same_file(const std::string& one, const std::string& other);

}  // namespace incm::inbox::sqlite
