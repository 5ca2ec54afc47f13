#include "incm/http/answer.h"

#include <Poco/Net/HTTPServerResponse.h>

#include "incm/http/exchange.h"
#include "incm/http/problem.h"

namespace incm::http {

void send(Poco::Net::HTTPServerResponse& response, int status, std::string_view content_type,
          std::string_view body) {
    response.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
    response.setContentType(std::string(content_type));
    response.setContentLength64(static_cast<Poco::Int64>(body.size()));
    send_whole(response, body);
}

void send_problem(Poco::Net::HTTPServerResponse& response, const base::Error& error) {
    const Problem problem = problem_for(error.code);
    if (problem.status == 401) response.set("WWW-Authenticate", "X-Signature");
    if (problem.status == 503 || problem.status == 429) response.set("Retry-After", "10");
    send(response, problem.status, "application/problem+json", problem_json(error));
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

}  // namespace incm::http
