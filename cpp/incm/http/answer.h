#pragma once

#include <string>
#include <string_view>

#include "incm/base/result.h"

namespace Poco::Net {
class HTTPServerResponse;
}  // namespace Poco::Net

namespace incm::http {

/// Send a whole answer at once and flush it. Write errors are swallowed: the client is gone then.
void send(Poco::Net::HTTPServerResponse& response, int status, std::string_view content_type,
          std::string_view body);

/// Send the problem document of an error.
void send_problem(Poco::Net::HTTPServerResponse& response, const base::Error& error);

/// The path of the request's target, without query.
[[nodiscard]] std::string_view path_of(std::string_view target);

}  // namespace incm::http
