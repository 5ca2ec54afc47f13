#include "incm/admin/pages.h"

#include <string_view>

#include "incm/admin/api.h"
#include "incm/admin/browser_guard.h"
#include "incm/http/problem.h"

namespace incm::admin {

Page page_of(const http::Request& request, http::Response& response, Shows shows,
             const std::vector<std::string>& hosts) {
    using base::ErrorCode;
    if (const auto foreign = refuse_browser(request, hosts)) {
        response.send_problem(*foreign);
        return Page::kNone;
    }
    const std::string_view path = request.path();
    if (shows == Shows::kAll && path.starts_with(kApiRoot)) return Page::kCall;
    const Page page = path == "/healthz"   ? Page::kHealth
                      : path == "/readyz"  ? Page::kReadiness
                      : path == "/metrics" ? Page::kMetrics
                                           : Page::kNone;
    if (page == Page::kNone) {
        response.send_problem({ErrorCode::kNotFound, "no such page"});
    } else if (request.method() != "GET" && request.method() != "HEAD") {
        response.add("Allow", "GET, HEAD");
        response.send_problem({ErrorCode::kMethodNotAllowed, "this page needs the method GET"});
        return Page::kNone;
    }
    return page;
}

void send_reason(http::Response& response, const base::Error& error, bool with_reason) {
    const int status = http::problem_for(error.code).status;
    if (status == 503) response.add("Retry-After", "10");
    const http::Detail detail = with_reason ? http::Detail::kAlways : http::Detail::kForClients;
    response.send(status, http::kProblemType, http::problem_json(error, detail));
}

}  // namespace incm::admin
