#pragma once

#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/http/request.h"

namespace incm::admin {

/// Refuse a request that a web page may have made the operator's browser send.
///
/// Shape:   Host must be an IP address, `localhost` or one of hosts, in any case: a page whose name
///          was pointed at this machine (DNS rebinding) says its own name there. A request that
///          changes something must have no Origin, which browsers add and programs do not.
/// Errors:  kForbidden, saying what to do; empty when the request is let through.
/// Source:  own choice.
[[nodiscard]] std::optional<base::Error> refuse_browser(const http::Request& request,
                                                        const std::vector<std::string>& hosts);

}  // namespace incm::admin
