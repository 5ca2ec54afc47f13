#pragma once

#include <optional>
#include <string_view>

namespace incm::http {

/// Whether a text is `HOST` or `HOST:PORT`. HOST is a name, which may be empty, an IPv4 address, or
/// an IPv6 address in brackets.
/// Source:  RFC 3986, sections 3.2.2 and 3.2.3; no IPvFuture, by own choice.
[[nodiscard]] bool is_authority(std::string_view text);

/// The parts of a request target.
struct Target {
    std::string_view authority;  ///< of an absolute target, where it replaces Host; else ""
    std::string_view path;       ///< with the query; "/" for an absolute target without one
};

/// Split a target that is a path, or an `http` or `https` URI. Returns nothing for anything else.
/// The views point into the text.
/// Source:  RFC 9112, sections 3.2.1 and 3.2.2; RFC 9110, section 4.2.
[[nodiscard]] std::optional<Target> split_target(std::string_view text);

}  // namespace incm::http
