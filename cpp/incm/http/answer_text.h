#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace incm::http {

/// Append a header line to `fields`.
void add_field(std::string& fields, std::string_view name, std::string_view value);

/// Return the header fields of an answer after which the connection stays open. It may then be
/// silent for keep_alive_ms. The announced timeout is a little shorter, so that the client closes
/// first: the side that closes never misses a request.
[[nodiscard]] std::string keep_alive_fields(std::int64_t keep_alive_ms);

/// Return the bytes of an answer. `fields` consists of whole lines; `version` is HTTP/1.0 or
/// HTTP/1.1.
[[nodiscard]] std::string answer_text(std::string_view version, int status, std::string_view fields,
                                      std::string_view body);

/// Return the current time in the format of the Date field. It is computed once a second in each
/// thread.
[[nodiscard]] const std::string& http_date();

}  // namespace incm::http
