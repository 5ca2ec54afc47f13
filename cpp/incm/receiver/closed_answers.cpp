#include "incm/receiver/closed_answers.h"

#include <utility>

#include "incm/base/clock.h"
#include "incm/http/request.h"
#include "incm/http/response.h"
#include "incm/receiver/webhook_handler.h"

namespace incm::receiver {

http::Answer closed_alerts_answer(ingest::Counters& counters, RefusalLog& refusals,
                                  const http::ConnectionRules& rules) {
    return [&counters, &refusals, rules](http::Request& request, http::Response& response) {
        if (is_health_check(request, rules)) {
            counters.count_health_check(/*well=*/false);
            return answer_health(response, /*takes_alerts=*/false);
        }
        const base::Error error{base::ErrorCode::kStoreFailed, "the inbox cannot be opened yet"};
        counters.count_refused(error.code);
        refusals.note(error, request.client(rules).text(), base::steady_ms());
        response.send_problem(error);
    };
}

http::Answer closed_admin_answer(admin::Shows shows, std::vector<std::string> hosts,
                                 std::shared_ptr<admin::Access> access, base::LogSink& log,
                                 Why why) {
    return [shows, hosts = std::move(hosts), access = std::move(access), &log,
            why = std::move(why)](http::Request& request, http::Response& response) {
        const admin::Page page = admin::page_of(request, response, shows, hosts);
        if (page == admin::Page::kNone) return;
        if (page == admin::Page::kCall && !access->caller(request, response, log)) return;
        if (page == admin::Page::kHealth)
            return response.send(200, "text/plain; charset=utf-8", "ok\n");
        const bool with_reason = shows == admin::Shows::kAll && access->admits(request);
        admin::send_reason(response, why(), with_reason);
    };
}

}  // namespace incm::receiver
