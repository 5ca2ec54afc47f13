#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace incm::base {

/// Return the normal form that all spellings of a path share: `/~a/b%C3%A9` for `/%7Ea/./b%c3%a9`.
///
/// Shape:   letters, digits, `-`, `.`, `_` and `~` are decoded, other encoded bytes get capital hex
///          digits, and segments `.` are removed. `%2F` stays as it is. So do segments `..`: a
///          proxy in front of this server that lets only some paths through reads them as they are
///          written.
/// Source:  RFC 3986, sections 6.2.2.1, 6.2.2.2 and 5.2.4.
[[nodiscard]] std::string normal_path(std::string_view path);

/// Return a path without one `/` at its end; "/" and a path that ends with two stay as they are.
[[nodiscard]] std::string_view without_last_slash(std::string_view path);

/// Return the known path that is most similar to another one, by the number of changed bytes in the
/// first 256 of each; "" when no path is known.
[[nodiscard]] std::string_view nearest_path(std::string_view path,
                                            std::span<const std::string_view> known);

}  // namespace incm::base
