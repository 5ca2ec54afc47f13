#pragma once

#include <string>
#include <string_view>

namespace incm::http {

/// Add a line to the fields of an answer.
void add_field(std::string& fields, std::string_view name, std::string_view value);

/// An answer as it travels; fields are whole lines, version is HTTP/1.0 or HTTP/1.1.
[[nodiscard]] std::string answer_text(std::string_view version, int status, std::string_view fields,
                                      std::string_view body);

/// The time of now as the Date field has it; made once a second in each thread.
[[nodiscard]] const std::string& http_date();

}  // namespace incm::http
