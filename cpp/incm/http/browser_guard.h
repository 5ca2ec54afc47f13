#pragma once

#include <optional>
#include <string>

#include "incm/base/result.h"

namespace incm::http {

class Request;

/// Refuse an admin request that a web page may have made the operator's browser send.
///
/// Shape:   Host must be an IP address, `localhost` or bound_host: a page whose name was pointed at
///          this machine (DNS rebinding) says its own name there. A request that changes something
///          must have no Origin, which browsers add and programs do not.
/// Errors:  kForbidden; empty when the request is let through.
/// Source:  own choice.
[[nodiscard]] std::optional<base::Error> refuse_browser(const Request& request,
                                                        const std::string& bound_host);

}  // namespace incm::http
