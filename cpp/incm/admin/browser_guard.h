#pragma once

#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/http/request.h"

namespace incm::admin {

/// Refuse a request that a web page may have made the operator's browser send.
///
/// Shape:   Host must be an IP address, `localhost` or one of `hosts`, in any case: the request of
///          a page whose name was pointed at this machine (DNS rebinding) has that name as Host. A
///          request that changes something must have no Origin, which browsers add and programs do
///          not.
/// Errors:  kForbidden, with a text on what to do; empty when the request is allowed.
/// Source:  own choice.
[[nodiscard]] std::optional<base::Error> refuse_browser(const http::Request& request,
                                                        const std::vector<std::string>& hosts);

}  // namespace incm::admin
