#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace incm::base {

/// A path as all its spellings have it: `/%7Ea/./b%c3%a9` is `/~a/b%C3%A9`.
///
/// Shape:   letters, digits, `-`, `.`, `_` and `~` are not encoded, what stays encoded has capital
///          digits, segments `.` are gone. `%2F` stays what it is. So do segments `..`: who lets
///          only some paths through in front of this server reads them as they are written.
/// Source:  RFC 3986, sections 6.2.2.1, 6.2.2.2 and 5.2.4.
[[nodiscard]] std::string normal_path(std::string_view path);

/// Without one `/` at its end; "/" and what ends with two stay as they are.
[[nodiscard]] std::string_view without_last_slash(std::string_view path);

/// Which of some paths is the most like another one, by the number of changed bytes in the first
/// 256 of each; "" when there is none.
[[nodiscard]] std::string_view nearest_path(std::string_view path,
                                            std::span<const std::string_view> known);

}  // namespace incm::base
