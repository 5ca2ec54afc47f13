#include "incm/http/closed_door.h"

#include <utility>

#include "incm/base/clock.h"
#include "incm/http/request.h"
#include "incm/http/response.h"
#include "incm/http/webhook_handler.h"

namespace incm::http {

Answer closed_alerts_answer(ingest::Counters& counters, RefusalLog& refusals,
                            const ConnectionRules& rules) {
    return [&counters, &refusals, rules](Request& request, Response& response) {
        if (asks_for_health(request, rules)) {
            counters.count_health_check();
            return tell_health(response, /*takes_alerts=*/false);
        }
        const base::Error error{base::ErrorCode::kStoreFailed, "the inbox cannot be opened yet"};
        counters.count_refused(error.code);
        refusals.note(error, request.client(rules).text(), base::steady_ms());
        response.send_problem(error);
    };
}

Answer closed_admin_answer(Shows shows, std::vector<std::string> hosts, Why why) {
    return [shows, hosts = std::move(hosts), why = std::move(why)](Request& request,
                                                                   Response& response) {
        const Page page = page_of(request, response, shows, hosts);
        if (page == Page::kNone) return;
        if (page == Page::kHealth) return response.send(200, "text/plain; charset=utf-8", "ok\n");
        send_reason(response, why());
    };
}

}  // namespace incm::http
