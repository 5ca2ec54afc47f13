#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace incm::http {

/// Add a line to the fields of an answer.
void add_field(std::string& fields, std::string_view name, std::string_view value);

/// The fields of an answer after which another request may follow on its connection, which may then
/// be silent for keep_alive_ms. What they promise is a little less, so that the client's end comes
/// first: who closes is never the one that misses a request.
[[nodiscard]] std::string keep_alive_fields(std::int64_t keep_alive_ms);

/// An answer as it travels; fields are whole lines, version is HTTP/1.0 or HTTP/1.1.
[[nodiscard]] std::string answer_text(std::string_view version, int status, std::string_view fields,
                                      std::string_view body);

/// The time of now as the Date field has it; made once a second in each thread.
[[nodiscard]] const std::string& http_date();

}  // namespace incm::http
