#pragma once

#include <optional>
#include <string_view>

namespace incm::http {

/// Whether a text is `HOST` or `HOST:PORT`: a name, which may be empty, an IPv4 address, or an IPv6
/// address in brackets. Source: RFC 3986, sections 3.2.2 and 3.2.3; no IPvFuture, by own choice.
[[nodiscard]] bool is_authority(std::string_view text);

/// What the target of a request names.
struct Target {
    std::string_view authority;  ///< of an absolute target, which counts instead of Host; else ""
    std::string_view path;       ///< with the query; "/" for an absolute target without one
};

/// Take a target apart: a path, or an `http` or `https` URI. Empty when it is neither. The views
/// are into the text. Source: RFC 9112, sections 3.2.1 and 3.2.2; RFC 9110, section 4.2.
[[nodiscard]] std::optional<Target> split_target(std::string_view text);

}  // namespace incm::http
