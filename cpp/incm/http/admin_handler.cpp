#include "incm/http/admin_handler.h"

#include <exception>
#include <string>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/http/browser_guard.h"
#include "incm/http/metrics_page.h"
#include "incm/http/parameters.h"

namespace incm::http {

namespace {

using base::ErrorCode;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

bool is_dry_run(const std::string& body) {
    auto given = Parameters::of_json(body);
    return given.ok() && given.value().flag("dry_run");
}

struct Admin {
    inbox::Inbox& inbox;
    const AdminApi& api;
    const ingest::Counters& counters;
    const std::atomic<bool>& ready;
    const std::string bound_host;
    base::LogSink& log;
    const std::function<FrontDoor()> door;

    void handle(Request& request, Response& response) const {
        const std::string_view path = request.path();
        if (path.starts_with(kApiRoot)) return answer_call(request, response);
        if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
            return response.send_problem({ErrorCode::kNotFound, "no such page"});
        }
        if (request.method() != "GET" && request.method() != "HEAD") {
            response.add("Allow", "GET, HEAD");
            return response.send_problem(
                {ErrorCode::kMethodNotAllowed, "this page is read with GET"});
        }
        if (path == "/healthz") return response.send(200, kText, "ok\n");
        const base::Result<inbox::Counts> counts = inbox.counts();
        if (!counts.ok()) return response.send_problem(counts.error());
        if (path == "/metrics") {
            return response.send(200, kMetricsType,
                                 metrics_page(counters, counts.value(), inbox.disk(), door()));
        }
        if (!ready.load()) {
            return response.send_problem({ErrorCode::kClosed, "stopping"});
        }
        if (inbox.failed()) {
            return response.send_problem({ErrorCode::kStoreFailed, "failed"});
        }
        if (inbox.lost()) {
            return response.send_problem({ErrorCode::kStoreFailed, "the file was moved"});
        }
        if (inbox.disk().low) {
            return response.send_problem({ErrorCode::kDiskLow, "disk"});
        }
        response.send(200, kText, "ready\n");
    }

    void answer_call(Request& request, Response& response) const {
        if (const auto foreign = refuse_browser(request, bound_host)) {
            return response.send_problem(*foreign);
        }
        ApiRequest call{.method = std::string(request.method()),
                        .target = std::string(request.target()),
                        .content_type = std::string(request.field("content-type").value_or("")),
                        .body = request.take_body()};
        const ApiReply reply = api.call(call);
        if (call.method == "POST" && reply.status == 200 && !is_dry_run(call.body)) {
            const std::string_view told =
                std::string_view(reply.body).substr(0, reply.body.find('\n'));
            log.write(base::LogLevel::kInfo, "changed by hand: " + base::printable(request.path()) +
                                                 " " + base::printable(told));
        }
        if (!reply.allow.empty()) response.add("Allow", reply.allow);
        if (reply.status == 503) response.add("Retry-After", "10");
        response.send(reply.status, reply.content_type, reply.body);
    }
};

}  // namespace

Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api, const ingest::Counters& counters,
                    const std::atomic<bool>& ready, std::string bound_host, base::LogSink& log,
                    std::function<FrontDoor()> door) {
    return [admin = Admin{inbox, api, counters, ready, std::move(bound_host), log, std::move(door)},
            &log](Request& request, Response& response) {
        try {
            admin.handle(request, response);
        } catch (const std::exception& error) {
            log.write(base::LogLevel::kError,
                      "answering an admin request failed: " + base::printable(error.what()));
        }
    };
}

}  // namespace incm::http
