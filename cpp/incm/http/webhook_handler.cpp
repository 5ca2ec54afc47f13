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
#include "incm/http/guarded_socket.h"
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
                   std::size_t max_body_bytes)
        : ingest_(ingest),
          counters_(counters),
          refusals_(refusals),
          max_body_bytes_(max_body_bytes) {}

    void handle(HTTPServerRequest& request, HTTPServerResponse& response) const {
        const std::string_view path = path_of(request.getURI());
        if (!ingest_.knows(path)) {
            return refuse(request, response, {ErrorCode::kNotFound, "no endpoint has this path"},
                          false);
        }
        if (request.getMethod() != "POST") {
            response.set("Allow", "POST");
            return refuse(request, response,
                          {ErrorCode::kMethodNotAllowed, "alerts are sent with POST"}, false);
        }
        base::Result<std::string> body = read_body(request, max_body_bytes_);
        if (!body.ok()) return refuse(request, response, body.error(), false);

        ingest::Request content;
        content.body = std::move(body).value();
        if (request.has("X-Signature")) content.signature = request.get("X-Signature");
        content.content_type = request.get("Content-Type", "");
        content.peer = request.clientAddress().host().toString();
        const base::Instant now = base::now();
        content.received_at_ms = now.wall_ms;
        content.steady_ms = now.steady_ms;
        const base::Result<inbox::Stored> stored = ingest_.accept(path, std::move(content));
        if (!stored.ok()) return refuse(request, response, stored.error(), true);
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

    void refuse(HTTPServerRequest& request, HTTPServerResponse& response, const Error& error,
                bool body_was_read) const {
        counters_.count_refused(error.code);
        refusals_.note(error, request.clientAddress().toString(), base::now().steady_ms);
        send_problem(response, error, body_was_read);
    }

    ingest::Ingest& ingest_;
    ingest::Counters& counters_;
    RefusalLog& refusals_;
    const std::size_t max_body_bytes_;
};

}  // namespace

Answer webhook_answer(ingest::Ingest& ingest, ingest::Counters& counters, RefusalLog& refusals,
                      base::LogSink& log, std::size_t max_body_bytes) {
    const auto handler =
        std::make_shared<const WebhookHandler>(ingest, counters, refusals, max_body_bytes);
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
                send_problem(response, {ErrorCode::kInternal, what}, false);
            }
        } catch (...) {
            log.write(base::LogLevel::kError, "the client of a failed request is gone");
        }
    };
}

}  // namespace incm::http
