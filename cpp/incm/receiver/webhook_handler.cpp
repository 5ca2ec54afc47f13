#include "incm/receiver/webhook_handler.h"

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/base/url_path.h"
#include "incm/http/access_log.h"
#include "incm/http/problem.h"
#include "incm/receiver/refusal_log.h"

namespace incm::receiver {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kLongestType = 128;  ///< bytes, in a span; thousands of spans may wait

/// Cut a text before a whole UTF-8 character, so that the rest is still valid.
std::string_view beginning(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
    return text.substr(0, most);
}

std::int64_t unix_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class WebhookHandler {
 public:
    WebhookHandler(ingest::Ingest& ingest, ingest::Counters& counters, RefusalLog& refusals,
                   base::LogSink& log, const http::ConnectionRules& rules,
                   std::function<bool()> takes_alerts, RequestSpans* spans)
        : ingest_(ingest),
          counters_(counters),
          refusals_(refusals),
          log_(log),
          rules_(rules),
          takes_alerts_(std::move(takes_alerts)),
          spans_(spans) {}

    void handle(http::Request& request, http::Response& response) const {
        if (is_health_check(request, rules_)) {
            const bool takes_alerts = takes_alerts_();
            counters_.count_health_check(takes_alerts);
            return answer_health(response, takes_alerts);
        }
        const net::IpAddress client = request.client(rules_);
        if (!rules_.admits(client)) {
            return refuse(client, response, {ErrorCode::kForbidden, "this address may not send"});
        }
        if (!ingest_.knows(request.path())) {
            return turn_away(request, client, response,
                             {ErrorCode::kNotFound, "no endpoint has this path"});
        }
        if (request.method() != "POST") {
            response.add("Allow", "POST");
            return turn_away(request, client, response,
                             {ErrorCode::kMethodNotAllowed, "alerts are sent with POST"});
        }
        ingest::Request content = content_of(request, client);
        const std::string path(request.path());
        auto answer = std::make_unique<PendingAnswer>(*this, client, response.postpone(),
                                                      content.received_at.wall_ms);
        if (spans_) answer->begin_span(path);
        ingest_.accept(path, std::move(content), std::move(answer));
    }

 private:
    static ingest::Request content_of(http::Request& request, const net::IpAddress& client) {
        ingest::Request content;
        content.body = request.take_body();
        content.signature = request.field("x-signature");
        content.content_type = request.field("content-type").value_or("");
        content.received_at = base::now();
        content.peer = client;
        content.is_coded = request.is_coded();
        content.traceparent = request.joined("traceparent");
        if (!content.traceparent.empty()) content.tracestate = request.joined("tracestate");
        return content;
    }

    /// Answers the request when the inbox has stored or refused the alert.
    class PendingAnswer final : public ingest::AlertCallback {
     public:
        PendingAnswer(const WebhookHandler& handler, const net::IpAddress& client,
                      http::Response response, std::int64_t received_at_ms)
            : handler_(handler),
              client_(client),
              response_(std::move(response)),
              received_at_ms_(received_at_ms) {}
        /// Begin a span, which ends with the answer, if the alert turns out to be authentic.
        void begin_span(std::string_view path) {
            span_ = std::make_unique<RequestSpan>();
            span_->path = base::printable(path, http::kMostLoggedPath);
            span_->client = client_.text();
            span_->began_us = unix_us();
        }
        std::optional<std::string> trace_of(
            const inbox::NewAlert& alert,
            const std::optional<ingest::TraceContext>& sent) override {
            if (!span_) return AlertCallback::trace_of(alert, sent);
            const auto context = handler_.spans_->begin(sent);
            if (!context) return std::nullopt;
            if (context->sampled) {
                span_->context = *context;
                if (sent) span_->parent_id = sent->span_id;
                span_->endpoint = alert.endpoint;
                span_->type = beginning(alert.type, kLongestType);
            }
            return context->text();
        }
        void on_complete(const base::Result<inbox::Stored>& stored) noexcept override {
            handler_.counters_.count_answer(base::steady_us() - began_us_);
            if (stored.ok()) count(stored.value(), received_at_ms_);
            end_span(stored);
            try {
                if (!stored.ok()) return handler_.refuse(client_, response_, stored.error());
                canary() ? handler_.confirm_canary(response_, stored.value(), *canary())
                         : handler_.confirm(response_, stored.value());
            } catch (const std::exception&) {
                handler_.log_.write(base::LogLevel::kError,
                                    "no memory is left to answer a request: its client is cut off");
            }
        }

     private:
        void end_span(const base::Result<inbox::Stored>& result) noexcept {
            if (!span_ || !span_->context.sampled) return;
            if (stored()) {
                span_->alert_id = stored()->id;
                span_->duplicate = stored()->duplicate;
            }
            span_->status = result.ok() ? 200 : http::problem_for(result.error().code).status;
            span_->ended_us = span_->began_us + base::steady_us() - began_us_;
            handler_.spans_->note(std::move(*span_));
        }

        const WebhookHandler& handler_;
        const net::IpAddress client_;
        http::Response response_;
        const std::int64_t received_at_ms_;
        const std::int64_t began_us_ = base::steady_us();
        std::unique_ptr<RequestSpan> span_;  // null: none is wanted
    };

    void confirm(http::Response& response, inbox::Stored stored) const {
        stored.duplicate ? counters_.count_duplicate() : counters_.count_accepted();
        std::string body = stored.duplicate ? R"({"status": "duplicate", "id": )"
                                            : R"({"status": "accepted", "id": )";
        body.append(std::to_string(stored.id)).append("}");
        response.note_alert(stored.id);
        response.send(200, "application/json", body);
    }

    /// Tell the sender of a canary that it arrived here, and at the process that made it.
    void confirm_canary(http::Response& response, inbox::Stored stored, bool own) const {
        counters_.count_canary();
        std::string body = R"({"status": "canary", "id": )";
        body.append(std::to_string(stored.id))
            .append(own ? R"(, "own": true})" : R"(, "own": false})");
        if (stored.id != 0) response.note_alert(stored.id);
        response.send(200, "application/json", body);
    }

    /// Refuse a request that no endpoint takes. A signed one may be an alert, so it is kept in the
    /// quarantine.
    void turn_away(http::Request& request, const net::IpAddress& client, http::Response& response,
                   Error error) const {
        if (request.field("x-signature")) {
            error = ingest_.keep_misdirected(request.path(), content_of(request, client),
                                             std::move(error));
        }
        refuse(client, response, error);
    }

    void refuse(const net::IpAddress& client, http::Response& response, const Error& error) const {
        counters_.count_refused(error.code);
        refusals_.note(error, client.text(), base::steady_ms());
        response.send_problem(error);
    }

    ingest::Ingest& ingest_;
    ingest::Counters& counters_;
    RefusalLog& refusals_;
    base::LogSink& log_;
    const http::ConnectionRules rules_;
    const std::function<bool()> takes_alerts_;
    RequestSpans* const spans_;
};

}  // namespace

bool is_health_check(const http::Request& request, const http::ConnectionRules& rules) {
    return !rules.health_path.empty() &&
           (request.method() == "GET" || request.method() == "HEAD") &&
           base::normal_path(request.path()) == base::normal_path(rules.health_path);
}

void answer_health(http::Response& response, bool takes_alerts) {
    takes_alerts ? response.send(200, "text/plain", "ok\n")
                 : response.send(503, "text/plain", "not ready\n");
}

http::Answer webhook_answer(ingest::Ingest& ingest, ingest::Counters& counters,
                            RefusalLog& refusals, base::LogSink& log,
                            const http::ConnectionRules& rules, std::function<bool()> takes_alerts,
                            RequestSpans* spans) {
    const auto handler = std::make_shared<const WebhookHandler>(
        ingest, counters, refusals, log, rules, std::move(takes_alerts), spans);
    return [handler, &counters, &log](http::Request& request, http::Response& response) {
        std::string what = "an unknown exception";
        try {
            return handler->handle(request, response);
        } catch (const std::exception& error) {
            what = error.what();
        } catch (...) {
        }
        log.write(base::LogLevel::kError, "answering a request failed: " + base::printable(what));
        counters.count_refused(ErrorCode::kInternal);
        try {
            if (!response.sent()) {
                response.send_problem({ErrorCode::kInternal, what});
            }
        } catch (...) {
            log.write(base::LogLevel::kError, "the client of a failed request is gone");
        }
    };
}

}  // namespace incm::receiver
