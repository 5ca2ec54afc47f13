#include "incm/http/access_log.h"

#include <future>
#include <string>

#include "raw_client.h"
#include <gtest/gtest.h>

#include "incm/http/server.h"
#include "incm/receiver/sampled_access_log.h"

namespace {

using incm::http::Access;

class FirstAccess final : public incm::http::AccessLog {
 public:
    bool wants_next() noexcept override { return true; }
    void note(Access access) noexcept override { access_.set_value(std::move(access)); }
    Access get() { return access_.get_future().get(); }

 private:
    std::promise<Access> access_;
};

TEST(AccessLogTest, ALongPathAndMethodAreKeptOnlyAsFarAsALineHasThem) {
    FirstAccess log;
    incm::http::ConnectionRules rules;
    rules.access = &log;
    incm::http::Server server(
        {.host = "127.0.0.1", .port = 0, .rules = std::move(rules), .limits = {}},
        [](auto&, auto& response) { response.send(404, "text/plain", "no"); });
    ASSERT_TRUE(server.start().ok());
    incm::testing::RawClient client(server.port());
    const std::string path = "/" + std::string(4000, 'a');
    const std::string method(30, 'M');
    client.send(method + " " + path + "?query HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(client.receive().status, 404);
    const Access access = log.get();
    EXPECT_EQ(access.path, path.substr(0, 201));
    EXPECT_EQ(access.method, method.substr(0, 21));
}

TEST(AccessLogTest, ALineHasTheTimeInSecondsWithAPointAndSixDigits) {
    incm::receiver::SampledAccessLog log(1.0);
    testing::internal::CaptureStderr();
    for (const std::int64_t took_us : {std::int64_t{0}, std::int64_t{500}, std::int64_t{1'250'000},
                                       std::int64_t{90'000'000'001}}) {
        log.note({.client = "127.0.0.1",
                  .method = "POST",
                  .path = "/" + std::string(200, 'p'),
                  .took_us = took_us,
                  .status = 200});
    }
    log.flush();
    const std::string lines = testing::internal::GetCapturedStderr();
    for (const std::string time : {"0.000000 s", "0.000500 s", "1.250000 s", "90000.000001 s"}) {
        EXPECT_NE(lines.find(" bytes in " + time + "\n"), std::string::npos) << time << lines;
    }
    EXPECT_NE(lines.find("POST /" + std::string(199, 'p') + "... 200"), std::string::npos) << lines;
}

}  // namespace
