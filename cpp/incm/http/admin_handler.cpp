#include "incm/http/admin_handler.h"

#include <exception>
#include <string>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include "incm/base/bytes.h"
#include "incm/http/answer.h"
#include "incm/http/metrics_page.h"

namespace incm::http {

namespace {

using base::ErrorCode;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct Admin {
    inbox::Inbox& inbox;
    const ingest::Counters& counters;
    const std::atomic<bool>& ready;

    void handle(HTTPServerRequest& request, HTTPServerResponse& response) const {
        const std::string_view path = path_of(request.getURI());
        if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
            return send_problem(request, response, {ErrorCode::kNotFound, "no such page"}, false);
        }
        if (request.getMethod() != "GET" && request.getMethod() != "HEAD") {
            response.set("Allow", "GET, HEAD");
            return send_problem(request, response,
                                {ErrorCode::kMethodNotAllowed, "this page is read with GET"},
                                false);
        }
        if (path == "/healthz") return send(response, 200, kText, "ok\n");
        const base::Result<inbox::Counts> counts = inbox.counts();
        if (!counts.ok()) return send_problem(request, response, counts.error(), true);
        if (path == "/metrics") {
            return send(response, 200, kMetricsType,
                        metrics_page(counters, counts.value(), inbox.disk()));
        }
        if (!ready.load()) {
            return send_problem(request, response, {ErrorCode::kClosed, "stopping"}, true);
        }
        if (inbox.failed()) {
            return send_problem(request, response, {ErrorCode::kStoreFailed, "failed"}, true);
        }
        if (inbox.disk().low) {
            return send_problem(request, response, {ErrorCode::kDiskLow, "disk"}, true);
        }
        send(response, 200, kText, "ready\n");
    }
};

}  // namespace

Answer admin_answer(inbox::Inbox& inbox, const ingest::Counters& counters,
                    const std::atomic<bool>& ready, base::LogSink& log) {
    return [admin = Admin{inbox, counters, ready}, &log](HTTPServerRequest& request,
                                                         HTTPServerResponse& response) {
        try {
            admin.handle(request, response);
        } catch (const std::exception& error) {
            log.write(base::LogLevel::kError,
                      "answering an admin request failed: " + base::printable(error.what()));
        }
    };
}

}  // namespace incm::http
