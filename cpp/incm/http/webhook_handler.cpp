#include "incm/http/webhook_handler.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/http/answer.h"
#include "incm/http/exchange.h"
#include "incm/http/refusal_log.h"

namespace incm::http {

namespace {

using base::Error;
using base::ErrorCode;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

class WebhookHandler {
 public:
    WebhookHandler(ingest::Ingest& ingest, ingest::Counters& counters, RefusalLog& refusals,
                   const ConnectionRules& rules)
        : ingest_(ingest), counters_(counters), refusals_(refusals), rules_(rules) {}

    void handle(HTTPServerRequest& request, HTTPServerResponse& response) const {
        const net::IpAddress client = client_of(request, rules_);
        if (!rules_.admits(client)) {
            return refuse(client, response, {ErrorCode::kForbidden, "this address may not send"});
        }
        const std::string_view path = path_of(request.getURI());
        if (!ingest_.knows(path)) {
            return refuse(client, response, {ErrorCode::kNotFound, "no endpoint has this path"});
        }
        if (request.getMethod() != "POST") {
            response.set("Allow", "POST");
            return refuse(client, response,
                          {ErrorCode::kMethodNotAllowed, "alerts are sent with POST"});
        }
        ingest::Request content;
        content.body = take_body(request);
        if (request.has("X-Signature")) content.signature = request.get("X-Signature");
        content.content_type = request.get("Content-Type", "");
        content.received_at = base::now();
        content.peer = client.text();
        const base::Result<inbox::Stored> stored = ingest_.accept(path, std::move(content));
        if (!stored.ok()) return refuse(client, response, stored.error());
        confirm(response, stored.value());
    }

 private:
    void confirm(HTTPServerResponse& response, inbox::Stored stored) const {
        stored.duplicate ? counters_.count_duplicate() : counters_.count_accepted();
        std::string body = stored.duplicate ? R"({"status": "duplicate", "id": )"
                                            : R"({"status": "accepted", "id": )";
        body.append(std::to_string(stored.id)).append("}");
        send(response, 200, "application/json", body);
    }

    void refuse(const net::IpAddress& client, HTTPServerResponse& response,
                const Error& error) const {
        counters_.count_refused(error.code);
        refusals_.note(error, client.text(), base::now().steady_ms);
        send_problem(response, error);
    }

    ingest::Ingest& ingest_;
    ingest::Counters& counters_;
    RefusalLog& refusals_;
    const ConnectionRules rules_;
};

}  // namespace

Answer webhook_answer(ingest::Ingest& ingest, ingest::Counters& counters, RefusalLog& refusals,
                      base::LogSink& log, const ConnectionRules& rules) {
    const auto handler = std::make_shared<const WebhookHandler>(ingest, counters, refusals, rules);
    return [handler, &counters, &log](HTTPServerRequest& request, HTTPServerResponse& response) {
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
                send_problem(response, {ErrorCode::kInternal, what});
            }
        } catch (...) {
            log.write(base::LogLevel::kError, "the client of a failed request is gone");
        }
    };
}

}  // namespace incm::http
