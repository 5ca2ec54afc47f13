#include "incm/http/answer_text.h"

#include <ctime>
#include <string>

#include <gtest/gtest.h>

namespace {

using incm::http::answer_text;
using incm::http::http_date;

std::string date_of(std::time_t time) {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[64];
    return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

/// Whether the date is that of now; a second may begin while this looks.
bool is_of_now(const std::string& date, std::time_t before) {
    const std::time_t after = std::time(nullptr);
    for (std::time_t time = before; time <= after; ++time) {
        if (date == date_of(time)) return true;
    }
    return false;
}

TEST(AnswerText, IsWrittenByteForByte) {
    std::string fields;
    incm::http::add_field(fields, "Allow", "POST");
    EXPECT_EQ(answer_text("HTTP/1.0", 405, fields, "no"),
              "HTTP/1.0 405 Method Not Allowed\r\nAllow: POST\r\n\r\nno");
    EXPECT_EQ(answer_text("HTTP/1.1", 200, "", ""), "HTTP/1.1 200 OK\r\n\r\n");
}

TEST(AnswerText, HasTheDateOfNowInEverySecond) {
    const std::time_t begin = std::time(nullptr);
    EXPECT_TRUE(is_of_now(http_date(), begin)) << http_date();
    while (std::time(nullptr) == begin) {
    }
    const std::time_t later = std::time(nullptr);
    EXPECT_TRUE(is_of_now(http_date(), later)) << http_date();
}

}  // namespace
