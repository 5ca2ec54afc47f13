#pragma once

#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/http/request.h"
#include "incm/http/response.h"

namespace incm::admin {

/// What an admin listener shows.
enum class Shows {
    kAll,
    kHealthAndMetrics,  ///< /healthz, /readyz and /metrics alone
};

/// What a request to an admin listener asks for.
enum class Page { kNone, kCall, kHealth, kReadiness, kMetrics };

/// Find that out. kNone: the request was refused and is answered, since it is of a web page
/// (browser_guard.h), for a page that there is not, or with a method other than GET and HEAD.
/// kCall: of the AdminApi. hosts: names that the listener may be asked by.
[[nodiscard]] Page page_of(const http::Request& request, http::Response& response, Shows shows,
                           const std::vector<std::string>& hosts);

/// http::Answer a problem document with the reason of a 503, which is told to those alone whom an
/// admin listener admits.
void send_reason(http::Response& response, const base::Error& error);

}  // namespace incm::admin
