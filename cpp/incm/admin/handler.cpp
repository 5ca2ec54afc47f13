#include "incm/admin/handler.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "incm/admin/backlog.h"
#include "incm/admin/change_sentence.h"
#include "incm/admin/findings.h"
#include "incm/admin/metrics_page.h"
#include "incm/admin/plugin_pages.h"
#include "incm/admin/readiness.h"
#include "incm/admin/status_json.h"
#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/http/problem.h"
#include "incm/inbox/catalog.h"

namespace incm::admin {

namespace {

constexpr std::string_view kStatusPath = "/api/v1/status";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// As long as watchdogs wait: a process in which Python will never run again should be replaced.
constexpr std::int64_t kNeverAgainMs = 30'000;

struct Admin {
    inbox::Inbox& inbox;
    const AdminApi& api;
    const Shows shows;
    const ingest::Counters& counters;
    const inbox::Activity& activity;
    const std::atomic<bool>& ready;
    const std::vector<std::string> hosts;
    const std::shared_ptr<Access> access;
    base::LogSink& log;
    const std::function<ServerState()> server;
    const std::shared_ptr<Backlog> backlog = std::make_shared<Backlog>(inbox.catalog());

    void handle(http::Request& request, http::Response& response) const {
        const Page page = page_of(request, response, shows, hosts);
        if (page == Page::kNone) return;
        std::optional<std::string> caller;
        if (page == Page::kCall && !(caller = access->caller(request, response, log))) return;
        if (page == Page::kCall && request.path() != kStatusPath) {
            return answer_call(request, *caller, response);
        }
        if (page == Page::kHealth) return answer_alive(request, response);
        const base::Result<inbox::Counts> counts = inbox.counts();
        if (!counts.ok()) {
            return send_reason(response, counts.error(), shows_reasons(request));
        }
        if (page == Page::kMetrics) {
            return response.send(200, kMetricsType, metrics_page(sources(counts.value())));
        }
        const auto why = why_not_ready(inbox, ready);
        if (page == Page::kCall) return answer_status(request, counts.value(), why, response);
        if (request.target() == "/readyz?verbose")
            return answer_verbose(request, counts.value(), why, response);
        if (why) return send_reason(response, *why, shows_reasons(request));
        if (const auto stall = stalled()) return answer_stalled(*stall, request, response);
        if (const auto overdue = overdue_canary(server(), shows_reasons(request))) {
            response.add("Retry-After", "10");
            return response.send(503, http::kProblemType, canary_problem(*overdue));
        }
        response.send(200, kText,
                      api.plugins() == nullptr
                          ? "ready\n"
                          : ready_text(*api.plugins(), shows_reasons(request)));
    }

    void answer_status(const http::Request& request, const inbox::Counts& counts,
                       const std::optional<base::Error>& why, http::Response& response) const {
        if (request.method() != "GET" && request.method() != "HEAD") {
            response.add("Allow", "GET, HEAD");
            return response.send_problem(
                {base::ErrorCode::kMethodNotAllowed, "this page needs the method GET"});
        }
        const std::int64_t now_ms = base::now().wall_ms;
        const MetricsSources from = sources(counts);
        response.send(200, "application/json",
                      status_json(from, findings_of(from, why, now_ms), now_ms) + "\n");
    }

    void answer_verbose(const http::Request& request, const inbox::Counts& counts,
                        const std::optional<base::Error>& why, http::Response& response) const {
        const MetricsSources from = sources(counts);
        const auto findings = findings_of(from, why, base::now().wall_ms);
        response.send(from.ready ? 200 : 503, kText,
                      verbose_text(findings, from.ready, shows_reasons(request)));
    }

    /// The reasons may name what only the API shows, such as the target of a plugin.
    [[nodiscard]] bool shows_reasons(const http::Request& request) const {
        return shows == Shows::kAll && access->admits(request);
    }

    [[nodiscard]] MetricsSources sources(const inbox::Counts& counts) const {
        base::Result<inbox::Statistics> counted = backlog->statistics();
        ServerState state = server();
        const bool is_ready =
            !why_not_ready(inbox, ready) && !stalled() && !overdue_canary(state, false);
        return {
            .counters = counters,
            .activity = activity,
            .counts = counts,
            .statistics = counted.ok() ? std::optional(std::move(counted).value()) : std::nullopt,
            .disk = inbox.disk_use(),
            .server = std::move(state),
            .ready = is_ready,
            .plugins = api.plugins()};
    }

    [[nodiscard]] std::optional<Stall> stalled() const {
        return api.plugins() == nullptr ? std::nullopt : api.plugins()->stall();
    }

    void answer_alive(const http::Request& request, http::Response& response) const {
        const auto stall = stalled();
        if (stall && base::steady_ms() - stall->since_steady_ms >= kNeverAgainMs) {
            return answer_stalled(*stall, request, response);
        }
        response.send(200, kText, "ok\n");
    }

    void answer_stalled(const Stall& stall, const http::Request& request,
                        http::Response& response) const {
        response.add("Retry-After", "10");
        response.send(503, http::kProblemType,
                      stall_problem(stall, base::steady_ms(), shows_reasons(request)));
    }

    void answer_call(http::Request& request, const std::string& caller,
                     http::Response& response) const {
        ApiRequest call{.method = std::string(request.method()),
                        .target = std::string(request.target()),
                        .content_type = std::string(request.field("content-type").value_or("")),
                        .body = request.take_body()};
        const ApiReply reply = api.call(call);
        if (reply.changed) {
            log.write(base::LogLevel::kInfo,
                      change_sentence(request.path(), reply.body) + ", by " + caller);
        }
        if (!reply.allow.empty()) response.add("Allow", reply.allow);
        if (reply.status == 503) response.add("Retry-After", "10");
        response.send(reply.status, reply.content_type, reply.body);
    }
};

}  // namespace

http::Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api, Shows shows,
                          const ingest::Counters& counters, const inbox::Activity& activity,
                          const std::atomic<bool>& ready, std::vector<std::string> hosts,
                          std::shared_ptr<Access> access, base::LogSink& log,
                          std::function<ServerState()> server) {
    return [admin = Admin{inbox, api, shows, counters, activity, ready, std::move(hosts),
                          std::move(access), log, std::move(server)},
            &log](http::Request& request, http::Response& response) {
        try {
            admin.handle(request, response);
        } catch (const std::exception& error) {
            log.write(base::LogLevel::kError,
                      "answering an admin request failed: " + base::printable(error.what()));
        }
    };
}

}  // namespace incm::admin
