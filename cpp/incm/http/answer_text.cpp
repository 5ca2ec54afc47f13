#include "incm/http/answer_text.h"

#include <algorithm>
#include <ctime>

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>

namespace incm::http {

namespace {

constexpr std::size_t kStatusLine = 64;
constexpr std::int64_t kClientEndsEarlierMs = 5000;

}  // namespace

void add_field(std::string& fields, std::string_view name, std::string_view value) {
    fields.append(name).append(": ").append(value).append("\r\n");
}

std::string keep_alive_fields(std::int64_t keep_alive_ms) {
    std::string fields;
    add_field(fields, "Connection", "Keep-Alive");
    const std::int64_t earlier_ms = std::min(kClientEndsEarlierMs, keep_alive_ms / 4);
    const std::int64_t seconds = (keep_alive_ms - earlier_ms) / 1000;
    if (seconds > 0) add_field(fields, "Keep-Alive", "timeout=" + std::to_string(seconds));
    return fields;
}

std::string answer_text(std::string_view version, int status, std::string_view fields,
                        std::string_view body) {
    using Poco::Net::HTTPResponse;
    const auto known = static_cast<HTTPResponse::HTTPStatus>(status);
    std::string text;
    text.reserve(kStatusLine + fields.size() + body.size());
    text.append(version).append(" ").append(std::to_string(status)).append(" ");
    text.append(HTTPResponse::getReasonForStatus(known)).append("\r\n");
    text.append(fields).append("\r\n").append(body);
    return text;
}

const std::string& http_date() {
    thread_local std::time_t second = -1;
    thread_local std::string text;
    const std::time_t now = std::time(nullptr);
    if (now != second) {
        text = Poco::DateTimeFormatter::format(Poco::Timestamp::fromEpochTime(now),
                                               Poco::DateTimeFormat::HTTP_FORMAT);
        second = now;
    }
    return text;
}

}  // namespace incm::http
