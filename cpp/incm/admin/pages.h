#pragma once

#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/http/request.h"
#include "incm/http/response.h"

namespace incm::admin {

/// The pages that an admin listener serves.
enum class Shows {
    kAll,
    kHealthAndMetrics,  ///< only /healthz, /readyz and /metrics
};

/// The page that a request to an admin listener is for.
enum class Page { kNone, kCall, kHealth, kReadiness, kMetrics };

/// Return the page that a request is for, or answer it with a refusal. kNone: the request was
/// refused, because a web page may have sent it (browser_guard.h), because there is no such page,
/// or because of a method other than GET and HEAD. kCall: a call of the AdminApi. hosts: host names
/// by which the listener may be addressed.
[[nodiscard]] Page page_of(const http::Request& request, http::Response& response, Shows shows,
                           const std::vector<std::string>& hosts);

/// Answer with a problem document. with_reason: it has the reason, even with 503; only for a
/// request that may see what the AdminApi shows.
void send_reason(http::Response& response, const base::Error& error, bool with_reason);

}  // namespace incm::admin
