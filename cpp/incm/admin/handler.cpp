#include "incm/admin/handler.h"

#include <exception>
#include <string>
#include <utility>

#include "incm/admin/change_sentence.h"
#include "incm/admin/metrics_page.h"
#include "incm/admin/plugin_pages.h"
#include "incm/admin/readiness.h"
#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/http/problem.h"
#include "incm/inbox/catalog.h"

namespace incm::admin {

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// As long as watchdogs wait: a process in which Python will never run again should be replaced.
constexpr std::int64_t kNeverAgainMs = 30'000;

struct Admin {
    inbox::Inbox& inbox;
    const AdminApi& api;
    const Shows shows;
    const ingest::Counters& counters;
    const std::atomic<bool>& ready;
    const std::vector<std::string> hosts;
    base::LogSink& log;
    const std::function<AlertListenerState()> listener;

    void handle(http::Request& request, http::Response& response) const {
        const Page page = page_of(request, response, shows, hosts);
        if (page == Page::kNone) return;
        if (page == Page::kCall) return answer_call(request, response);
        if (page == Page::kHealth) return answer_alive(response);
        const base::Result<inbox::Counts> counts = inbox.counts();
        if (!counts.ok()) return send_reason(response, counts.error());
        if (page == Page::kMetrics) {
            std::string text = metrics_page(counters, counts.value(), inbox.disk_use(), listener());
            if (api.plugins() != nullptr) text += plugin_metrics(*api.plugins());
            return response.send(200, kMetricsType, text);
        }
        if (const auto why = why_not_ready(inbox, ready)) return send_reason(response, *why);
        if (const auto stall = stalled()) return answer_stalled(*stall, response);
        response.send(200, kText,
                      api.plugins() == nullptr
                          ? "ready\n"
                          : ready_text(*api.plugins(), /*with_reasons=*/shows == Shows::kAll));
    }

    [[nodiscard]] std::optional<Stall> stalled() const {
        return api.plugins() == nullptr ? std::nullopt : api.plugins()->stall();
    }

    void answer_alive(http::Response& response) const {
        const auto stall = stalled();
        if (stall && base::steady_ms() - stall->since_steady_ms >= kNeverAgainMs) {
            return answer_stalled(*stall, response);
        }
        response.send(200, kText, "ok\n");
    }

    static void answer_stalled(const Stall& stall, http::Response& response) {
        response.add("Retry-After", "10");
        response.send(503, http::kProblemType, stall_problem(stall, base::steady_ms()));
    }

    void answer_call(http::Request& request, http::Response& response) const {
        ApiRequest call{.method = std::string(request.method()),
                        .target = std::string(request.target()),
                        .content_type = std::string(request.field("content-type").value_or("")),
                        .body = request.take_body()};
        const ApiReply reply = api.call(call);
        if (reply.changed) {
            log.write(base::LogLevel::kInfo, change_sentence(request.path(), reply.body));
        }
        if (!reply.allow.empty()) response.add("Allow", reply.allow);
        if (reply.status == 503) response.add("Retry-After", "10");
        response.send(reply.status, reply.content_type, reply.body);
    }
};

}  // namespace

http::Answer admin_answer(inbox::Inbox& inbox, const AdminApi& api, Shows shows,
                          const ingest::Counters& counters, const std::atomic<bool>& ready,
                          std::vector<std::string> hosts, base::LogSink& log,
                          std::function<AlertListenerState()> listener) {
    return [admin = Admin{inbox, api, shows, counters, ready, std::move(hosts), log,
                          std::move(listener)},
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
