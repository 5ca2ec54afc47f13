#include "incm/http/admin_handler.h"

#include <exception>
#include <string>
#include <utility>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include "incm/base/bytes.h"
#include "incm/http/answer.h"
#include "incm/http/browser_guard.h"
#include "incm/http/exchange.h"
#include "incm/http/metrics_page.h"
#include "incm/http/parameters.h"

namespace incm::http {

namespace {

using base::ErrorCode;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

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

    void handle(HTTPServerRequest& request, HTTPServerResponse& response) const {
        const std::string_view path = path_of(request.getURI());
        if (path.starts_with(kApiRoot)) return answer_call(request, response);
        if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
            return send_problem(response, {ErrorCode::kNotFound, "no such page"});
        }
        if (request.getMethod() != "GET" && request.getMethod() != "HEAD") {
            response.set("Allow", "GET, HEAD");
            return send_problem(response,
                                {ErrorCode::kMethodNotAllowed, "this page is read with GET"});
        }
        if (path == "/healthz") return send(response, 200, kText, "ok\n");
        const base::Result<inbox::Counts> counts = inbox.counts();
        if (!counts.ok()) return send_problem(response, counts.error());
        if (path == "/metrics") {
            return send(response, 200, kMetricsType,
                        metrics_page(counters, counts.value(), inbox.disk(), door()));
        }
        if (!ready.load()) {
            return send_problem(response, {ErrorCode::kClosed, "stopping"});
        }
        if (inbox.failed()) {
            return send_problem(response, {ErrorCode::kStoreFailed, "failed"});
        }
        if (inbox.disk().low) {
            return send_problem(response, {ErrorCode::kDiskLow, "disk"});
        }
        send(response, 200, kText, "ready\n");
    }

    void answer_call(HTTPServerRequest& request, HTTPServerResponse& response) const {
        if (const auto foreign = refuse_browser(request, bound_host)) {
            return send_problem(response, *foreign);
        }
        ApiRequest call{.method = request.getMethod(),
                        .target = request.getURI(),
                        .content_type = request.get("Content-Type", ""),
                        .body = take_body(request)};
        const ApiReply reply = api.call(call);
        if (call.method == "POST" && reply.status == 200 && !is_dry_run(call.body)) {
            const std::string_view told =
                std::string_view(reply.body).substr(0, reply.body.find('\n'));
            log.write(base::LogLevel::kInfo,
                      "changed by hand: " + base::printable(path_of(call.target)) + " " +
                          base::printable(told));
        }
        if (!reply.allow.empty()) response.set("Allow", reply.allow);
        if (reply.status == 503) response.set("Retry-After", "10");
        send(response, reply.status, reply.content_type, reply.body);
    }
};

}  // namespace

Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api, const ingest::Counters& counters,
                    const std::atomic<bool>& ready, std::string bound_host, base::LogSink& log,
                    std::function<FrontDoor()> door) {
    return [admin = Admin{inbox, api, counters, ready, std::move(bound_host), log, std::move(door)},
            &log](HTTPServerRequest& request, HTTPServerResponse& response) {
        try {
            admin.handle(request, response);
        } catch (const std::exception& error) {
            log.write(base::LogLevel::kError,
                      "answering an admin request failed: " + base::printable(error.what()));
        }
    };
}

}  // namespace incm::http
