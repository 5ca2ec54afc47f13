#include "incm/receiver/receiver.h"

#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>

#include "inbox/folder.h"
#include "raw_client.h"
#include <gtest/gtest.h>

#include "incm/auth/signature.h"
#include "incm/http/problem.h"

namespace {

using incm::base::ErrorCode;
using incm::testing::RawAnswer;
using incm::testing::RawClient;

/// Keeps log lines for assertions.
class MemorySink final : public incm::base::LogSink {
 public:
    void write(incm::base::LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.append(text).append("\n");
    }
    std::string lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

 private:
    std::mutex mutex_;
    std::string lines_;
};

const incm::base::Secret kSecret("topsecret");
constexpr const char* kBody = R"({"_id": "1", "type": "reboot"})";

class ReceiverTest : public ::testing::Test {
 protected:
    void start(std::size_t max_body_bytes = 1024 * 1024, std::int64_t timeout_ms = 10'000) {
        make(max_body_bytes, timeout_ms);
        const auto started = receiver_->start();
        ASSERT_TRUE(started.ok()) << started.error().text;
    }
    void make(std::size_t max_body_bytes = 1024 * 1024, std::int64_t timeout_ms = 10'000) {
        incm::receiver::Config config;
        config.listen = {"127.0.0.1", 0};
        config.admin = incm::receiver::Address{"127.0.0.1", 0};
        config.metrics = incm::receiver::Address{"127.0.0.1", 0};
        config.admin_hosts = hosts_;
        config.inbox_url = "sqlite:" + (folder_ / "inbox.db");
        config.endpoints = {{"/webhook", {kSecret}}, {"/open", {}}, {"/processed", {}, 20'000}};
        config.routes = {{"all", {}}, {"reboots", {.types = {"reboot"}}}};
        config.rules.max_body_bytes = max_body_bytes;
        config.rules.header_timeout_ms = config.rules.body_timeout_ms = timeout_ms;
        config.rules.health_path = "/up";
        config.spans = spans_;
        receiver_ = std::make_unique<incm::receiver::Receiver>(config, log_);
    }

    [[nodiscard]] std::uint16_t port() const { return receiver_->listen_address().port; }
    [[nodiscard]] std::uint16_t admin_port() const { return receiver_->admin_address()->port; }

    static std::string post(const std::string& body, const std::string& headers,
                            const std::string& path = "/webhook") {
        return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    static std::string signature(const std::string& body) {
        return "X-Signature: " + incm::auth::sign(body, kSecret) + "\r\n";
    }
    static std::string signed_post(const std::string& body) { return post(body, signature(body)); }

    /// Ask an admin listener for `METHOD PATH`.
    static RawAnswer ask(std::uint16_t port, const std::string& what, const std::string& host) {
        RawClient client(port);
        client.send(what + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
        return client.receive();
    }
    [[nodiscard]] RawAnswer exchange(const std::string& request) const {
        RawClient client(port());
        client.send(request);
        return client.receive();
    }
    void expect_problem(const RawAnswer& answer, int status, const std::string& slug) {
        EXPECT_EQ(answer.status, status) << answer.headers << answer.body;
        EXPECT_NE(answer.headers.find("Content-Type: application/problem+json"), std::string::npos);
        EXPECT_NE(answer.body.find("\"type\":\"urn:incm-webhook:problem:" + slug + "\""),
                  std::string::npos)
            << answer.body;
    }
    [[nodiscard]] incm::inbox::Counts counts() {
        auto counted = receiver_->inbox().counts();
        EXPECT_TRUE(counted.ok());
        return counted.value();
    }

    const incm::inbox::test::Folder folder_;
    MemorySink log_;
    std::vector<std::string> hosts_;
    std::shared_ptr<incm::receiver::RequestSpans> spans_;
    std::unique_ptr<incm::receiver::Receiver> receiver_;
};

TEST_F(ReceiverTest, StoresASignedAlertBeforeItAnswers) {
    start();
    const RawAnswer answer = exchange(signed_post(kBody));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"status": "accepted", "id": 1})");
    EXPECT_EQ(counts().alerts, 1);
    auto fetched = receiver_->inbox().fetch("all", 10, 0);
    ASSERT_TRUE(fetched.ok());
    ASSERT_EQ(fetched.value().size(), 1U);
    EXPECT_EQ(fetched.value().front().text, kBody);
    EXPECT_EQ(fetched.value().front().endpoint, "/webhook");
}

TEST_F(ReceiverTest, TheSameContentInAnySpellingIsADuplicate) {
    start();
    EXPECT_EQ(exchange(signed_post(kBody)).body, R"({"status": "accepted", "id": 1})");
    EXPECT_EQ(exchange(signed_post(kBody)).body, R"({"status": "duplicate", "id": 1})");
    EXPECT_EQ(exchange(signed_post(R"({"_id":"1","type":"reb\u006fot"})")).body,
              R"({"status": "duplicate", "id": 1})");
    EXPECT_EQ(exchange(post(kBody, "Content-Type: application/json\r\n", "/open")).body,
              R"({"status": "accepted", "id": 2})");
}

TEST_F(ReceiverTest, OnlyTheVerifiedTextIsStored) {
    start();
    const std::string canonical = R"({"_id": "1", "type": "b"})";
    const std::string wire = R"({"_id":"1","type":"a","type":"b"})";
    EXPECT_EQ(exchange(post(wire, signature(canonical))).status, 200);
    EXPECT_EQ(receiver_->inbox().fetch("all", 1, 0).value().front().text, canonical);
    const std::string duplicate = R"({"status": "duplicate", "id": 1})";
    EXPECT_EQ(exchange(post(R"({"_id":"1","type":"b"})", signature(canonical))).body, duplicate);
    EXPECT_EQ(exchange(signed_post(canonical)).body, duplicate);
    EXPECT_EQ(exchange(signed_post(R"({"_id":"1", "type":"\u0062"})")).body, duplicate);
}

TEST_F(ReceiverTest, TheTraceOfTheSenderGoesToTheDeliveries) {
    start();
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const std::string field = "TraceParent: " + trace + "\r\n";
    const auto body = [](int number) {
        return R"({"_id": ")" + std::to_string(number) + R"(", "type": "up"})";
    };
    const auto send = [&](int number, const std::string& fields) {
        EXPECT_EQ(exchange(post(body(number), signature(body(number)) + fields)).status, 200);
    };
    send(1, field);
    send(2, field + "tracestate: a=1\r\nTracestate:  b=2\r\n");
    send(3, field + field);
    send(4, "traceparent: 00-0-0-00\r\ntracestate: a=1\r\n");
    send(5, "tracestate: a=1\r\n");
    const auto fetched = receiver_->inbox().fetch("all", 10, 10'000);
    ASSERT_TRUE(fetched.ok());
    std::vector<std::optional<std::string>> traces;
    for (const incm::inbox::Delivery& one : fetched.value()) traces.push_back(one.trace);
    EXPECT_EQ(traces, (std::vector<std::optional<std::string>>{
                          trace, trace + " a=1,b=2", std::nullopt, std::nullopt, std::nullopt}));
}

TEST_F(ReceiverTest, TheSpanOfARequestIsThatOfItsDeliveries) {
    spans_ = std::make_shared<incm::receiver::RequestSpans>(true, 1);
    start();
    const std::string sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";
    EXPECT_EQ(exchange(post(kBody, signature(kBody) + "traceparent: " + sent + "1\r\n")).status,
              200);
    EXPECT_EQ(exchange(post(kBody, "")).status, 401);
    EXPECT_EQ(exchange(post("[]", "", "/processed")).status, 415);
    const std::string other = R"({"type": "up"})";
    EXPECT_EQ(exchange(post(other, signature(other) + "traceparent: " + sent + "0\r\n")).status,
              200);
    const auto [spans, dropped] = spans_->take();
    EXPECT_EQ(dropped, 0U);
    ASSERT_EQ(spans.size(), 1U) << "only of what is authentic and sampled";
    const incm::receiver::RequestSpan& span = spans[0];
    EXPECT_EQ(span.context.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(span.parent_id, "00f067aa0ba902b7");
    EXPECT_NE(span.context.span_id, span.parent_id);
    EXPECT_EQ(span.path, "/webhook");
    EXPECT_EQ(span.endpoint, "/webhook");
    EXPECT_EQ(span.type, "reboot");
    EXPECT_EQ(span.client, "127.0.0.1");
    EXPECT_EQ(span.alert_id, 1);
    EXPECT_FALSE(span.duplicate);
    EXPECT_EQ(span.status, 200);
    EXPECT_GT(span.began_us, 1'700'000'000'000'000);
    EXPECT_GE(span.ended_us, span.began_us);
    const auto fetched = receiver_->inbox().fetch("all", 10, 10'000);
    ASSERT_TRUE(fetched.ok());
    ASSERT_EQ(fetched.value().size(), 2U);
    EXPECT_EQ(fetched.value()[0].trace, span.context.text());
    EXPECT_EQ(fetched.value()[1].trace, sent + "0");
}

TEST_F(ReceiverTest, RoutesByFilter) {
    start();
    EXPECT_EQ(exchange(signed_post(R"({"_id": "1", "type": "reboot"})")).status, 200);
    EXPECT_EQ(exchange(signed_post(R"({"_id": "2", "type": "sim_switch"})")).status, 200);
    EXPECT_EQ(receiver_->inbox().fetch("all", 10, 0).value().size(), 2U);
    EXPECT_EQ(receiver_->inbox().fetch("reboots", 10, 0).value().size(), 1U);
}

TEST_F(ReceiverTest, RefusesMissingGarbledAndWrongSignatures) {
    start();
    expect_problem(exchange(post(kBody, "")), 401, "missing-signature");
    const std::string good = incm::auth::sign(kBody, kSecret);
    for (const std::string& value :
         {std::string(), std::string("x"), good.substr(1), "sha256=" + good, good + "," + good,
          incm::auth::sign("other", kSecret),
          incm::auth::sign(kBody, incm::base::Secret("other"))}) {
        const RawAnswer answer = exchange(post(kBody, "X-Signature: " + value + "\r\n"));
        expect_problem(answer, 401, "wrong-signature");
        EXPECT_EQ(answer.body.find(good), std::string::npos);
    }
    EXPECT_EQ(counts().alerts, 0);
    EXPECT_EQ(log_.lines().find(good), std::string::npos);
    EXPECT_EQ(log_.lines().find("topsecret"), std::string::npos);
}

TEST_F(ReceiverTest, TwoSpellingsOfWhatHasNoCanonicalFormAreOneAlert) {
    start();
    const std::string deep = std::string(2000, '[') + std::string(2000, ']');
    const std::string digits(5000, '7');
    const std::pair<std::string, std::string> same[] = {
        {"\xEF\xBB\xBF{\"_id\":\"1\"}", R"({"_id": "1"})"},
        {R"({"_id":"2","x":"\ud800"})", R"({"_id": "2", "x": "\uD800"})"},
        {R"({"_id":"3","x":)" + deep + "}", R"({"_id": "3", "x": )" + deep + "}"},
        {R"({"_id":"4","x":)" + digits + "}", R"({"_id": "4", "x": )" + digits + "}"},
    };
    for (const auto& [one, other] : same) {
        EXPECT_NE(exchange(signed_post(one)).body.find("accepted"), std::string::npos);
        EXPECT_NE(exchange(signed_post(other)).body.find("duplicate"), std::string::npos);
    }
    EXPECT_EQ(counts().alerts, 4);
}

TEST_F(ReceiverTest, AnAuthenticBodyIsNeverDropped) {
    start();
    for (const std::string body :
         {"[]", "null", "{\"type\": 5}", R"({"x": NaN})", R"({"x": "\ud800"})"}) {
        EXPECT_EQ(exchange(signed_post(body)).status, 200) << body;
    }
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    EXPECT_EQ(exchange(signed_post(deep)).status, 200);
    EXPECT_EQ(counts().alerts, 6);
    for (const std::string body : {"", "reboot", "{\"a\": }", "\xff"}) {
        expect_problem(exchange(signed_post(body)), 400, "not-json");
    }
    EXPECT_EQ(counts().alerts, 6);
    EXPECT_EQ(counts().quarantined.total(), 4);
}

TEST_F(ReceiverTest, AnUnsignedEndpointAcceptsJsonOnly) {
    start();
    for (const std::string type : {"application/json", "Application/JSON ; charset=utf-8"}) {
        EXPECT_EQ(exchange(post(kBody, "Content-Type: " + type + "\r\n", "/open")).status, 200);
    }
    for (const std::string header : {"", "Content-Type: text/plain\r\n",
                                     "Content-Type: application/jsonx\r\n", "Content-Type: \r\n"}) {
        expect_problem(exchange(post(kBody, header, "/open")), 415, "wrong-content-type");
    }
    expect_problem(exchange(post("{", "Content-Type: application/json\r\n", "/open")), 400,
                   "not-json");
    EXPECT_EQ(exchange(post(kBody, signature(kBody) + "Content-Type: text/plain\r\n")).status, 200);
}

TEST_F(ReceiverTest, RefusesOtherPathsAndMethods) {
    start();
    expect_problem(exchange("POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 404,
                   "not-found");
    const RawAnswer answer = exchange("GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_problem(answer, 405, "method-not-allowed");
    EXPECT_NE(answer.headers.find("Allow: POST\r\n"), std::string::npos);
    EXPECT_EQ(exchange(post(kBody, signature(kBody), "/webhook?source=icm")).status, 200);
}

TEST_F(ReceiverTest, ReadsChunkedBodies) {
    start();
    const std::string body(kBody);
    const std::string head = "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(body) +
                             "Transfer-Encoding: Chunked\r\n\r\n";
    RawClient client(port());
    client.send(head + "5;name=value\r\n" + body.substr(0, 5) + "\r\n" + "19\r\n" + body.substr(5) +
                "\r\n0\r\nTrailer: x\r\n\r\n");
    EXPECT_EQ(client.receive().body, R"({"status": "accepted", "id": 1})");
    client.send(signed_post(body));  // the decoder took not a byte too many
    EXPECT_EQ(client.receive().body, R"({"status": "duplicate", "id": 1})");
    for (const std::string broken : {"zz\r\n", "\r\n", "-1\r\nx\r\n", "0x5\r\nhello\r\n",
                                     "3\r\nabcdef\r\n0\r\n\r\n", "3\nabc\r\n", "0\r\nno end\n\n"}) {
        SCOPED_TRACE(broken);
        expect_problem(exchange(head + broken + std::string(300, ' ')), 400, "malformed-request");
    }
    expect_problem(exchange(head + "fffffffffffffffff\r\nx"), 413, "body-too-large");
    EXPECT_EQ(counts().alerts, 1);
}

TEST_F(ReceiverTest, NoticesATruncatedBody) {
    start();
    const std::string body(kBody);
    for (const std::string& request :
         {"POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(body) + "Content-Length: 99\r\n\r\n" +
              body,
          "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(body) +
              "Transfer-Encoding: chunked\r\n\r\n1e\r\n" + body + "\r\n",
          "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(body) +
              "Transfer-Encoding: chunked\r\n\r\n1e\r\n" + body + "\r\n0\r\n"}) {
        RawClient client(port());
        client.send(request);
        client.finish_sending();
        expect_problem(client.receive(), 400, "truncated-body");
        EXPECT_TRUE(client.at_end());
    }
    EXPECT_EQ(counts().alerts, 0);
}

TEST_F(ReceiverTest, WantsExactlyOneLength) {
    start();
    const std::string head = "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(kBody);
    expect_problem(exchange(head + "\r\n"), 411, "length-required");
    for (const std::string lengths :
         {"Content-Length: 3\r\nContent-Length: 5\r\n",
          "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "Content-Length: +3\r\n", "Content-Length: 1,0\r\n", "Content-Length: \r\n"}) {
        SCOPED_TRACE(lengths);
        expect_problem(exchange(head + lengths + "\r\nabc"), 400, "malformed-request");
    }
}

TEST_F(ReceiverTest, RefusesALargeBodyAndTheClientReadsTheAnswer) {
    start(4096);
    const std::string limit = "[\"" + std::string(4092, 'x') + "\"]";
    EXPECT_EQ(exchange(signed_post(limit)).status, 200);
    expect_problem(exchange(signed_post(limit + " ")), 413, "body-too-large");
    RawClient client(port());
    client.send(signed_post(std::string(5 * 1024 * 1024, 'x')));
    expect_problem(client.receive(), 413, "body-too-large");
    EXPECT_TRUE(client.at_end());
}

TEST_F(ReceiverTest, ServesManyRequestsOnOneConnection) {
    start();
    RawClient client(port());
    for (int i = 0; i < 50; ++i) {
        client.send(signed_post(R"({"_id": ")" + std::to_string(i) + R"("})"));
        EXPECT_EQ(client.receive().status, 200);
    }
    client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /");
    expect_problem(client.receive(), 404, "not-found");
    client.send(signed_post(kBody));  // a body that is not read is not parsed as a request
    EXPECT_EQ(client.receive().status, 200);
}

TEST_F(ReceiverTest, AnswersPipelinedRequestsOneByOne) {
    start();
    const std::string chunked = "POST /webhook HTTP/1.1\r\nHost: x\r\n" + signature(kBody) +
                                "Transfer-Encoding: chunked\r\n\r\n1e\r\n" + kBody +
                                "\r\n0\r\n\r\n";
    RawClient client(port());
    client.send(signed_post(kBody) + chunked + "\r\n" + signed_post(kBody) +
                "GET /smuggled HTTP/1.1\nHost: x\n\n" + signed_post(R"({"_id": "2"})"));
    EXPECT_EQ(client.receive().body, R"({"status": "accepted", "id": 1})");
    EXPECT_EQ(client.receive().body, R"({"status": "duplicate", "id": 1})");
    EXPECT_EQ(client.receive().body, R"({"status": "duplicate", "id": 1})");
    expect_problem(client.receive(), 400, "malformed-request");
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(counts().alerts, 1);
    EXPECT_EQ(receiver_->counters().refused(ErrorCode::kMalformedRequest), 1U);
    EXPECT_NE(log_.lines().find("refused a request from 127.0.0.1"), std::string::npos);
}

TEST_F(ReceiverTest, InvitesABodyThatItWillRead) {
    start();
    const std::string expect = "Expect: 100-continue\r\nConnection: te, close\r\n";
    RawClient invited(port());
    const std::string request = post(kBody, signature(kBody) + expect);
    invited.send(request.substr(0, request.size() - std::string(kBody).size()));
    EXPECT_EQ(invited.receive().headers, "HTTP/1.1 100 Continue\r\n");
    invited.send(kBody);
    const RawAnswer answer = invited.receive();
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.headers.find("Connection: Close\r\n"), std::string::npos);
    EXPECT_TRUE(invited.at_end());
    const std::string head = "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9";
    expect_problem(exchange(head + "999999\r\n" + expect + "\r\n"), 413, "body-too-large");
    expect_problem(exchange(head + "\r\nExpect: more\r\n\r\n"), 417, "expectation-failed");
}

TEST_F(ReceiverTest, SlowHeadsAndBodiesEndInTime) {
    start(1024, 50);
    RawClient silent(port());
    EXPECT_TRUE(silent.at_end());  // it sent nothing, and gets nothing
    RawClient head(port());
    head.send("POST /webhook HTTP/1.1\r\n");
    expect_problem(head.receive(), 408, "timeout");
    EXPECT_TRUE(head.at_end());
    RawClient body(port());
    body.send("POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
    expect_problem(body.receive(), 408, "timeout");
    EXPECT_TRUE(body.at_end());
    EXPECT_EQ(receiver_->counters().refused(ErrorCode::kTimeout), 2U);
}

TEST_F(ReceiverTest, ConcurrentSendersStoreEachAlertOnce) {
    start();
    std::vector<std::thread> senders;
    for (int sender = 0; sender < 8; ++sender) {
        senders.emplace_back([this] {
            RawClient client(port());
            for (int i = 0; i < 40; ++i) {
                client.send(signed_post(R"({"_id": ")" + std::to_string(i) + R"("})"));
                EXPECT_EQ(client.receive().status, 200);
            }
        });
    }
    for (std::thread& sender : senders) sender.join();
    EXPECT_EQ(counts().alerts, 40);
    EXPECT_EQ(receiver_->counters().accepted(), 40U);
    EXPECT_EQ(receiver_->counters().duplicates(), 280U);
}

TEST_F(ReceiverTest, SecretsCanBeRotatedWhileServing) {
    start();
    const incm::base::Secret next("next");
    const std::string signed_with_next =
        post(kBody, "X-Signature: " + incm::auth::sign(kBody, next) + "\r\n");
    expect_problem(exchange(signed_with_next), 401, "wrong-signature");
    ASSERT_TRUE(receiver_->reload({{"/webhook", {next, kSecret}}}, {{"a", {}}}).ok());
    EXPECT_EQ(exchange(signed_with_next).body, R"({"status": "accepted", "id": 1})");
    EXPECT_EQ(exchange(signed_post(kBody)).body, R"({"status": "duplicate", "id": 1})");
    EXPECT_THROW(static_cast<void>(receiver_->reload({{"/a", {}}, {"/a", {}}}, {})),
                 incm::base::Failure);
    EXPECT_EQ(exchange(signed_post(kBody)).status, 200);
}

TEST_F(ReceiverTest, TheAdminListenerShowsHealthAndMetrics) {
    start();
    EXPECT_EQ(exchange(signed_post(kBody)).status, 200);
    EXPECT_EQ(exchange(post(kBody, "")).status, 401);
    const auto get = [this](const std::string& path, const std::string& method = "GET") {
        return ask(admin_port(), method + " " + path, "localhost");
    };
    EXPECT_EQ(get("/healthz").status, 200);
    EXPECT_EQ(get("/readyz").status, 200);
    const std::string page = get("/metrics").body;
    for (const std::string line :
         {"incm_webhook_alerts_accepted_total{endpoint=\"/webhook\",type=\"reboot\"} 1\n",
          "incm_webhook_inbox_alerts 1\n",
          "incm_webhook_requests_refused_total{reason=\"missing-signature\"} 1\n",
          "incm_webhook_inbox_deliveries{state=\"open\"} 2\n"}) {
        EXPECT_NE(page.find(line), std::string::npos) << line << page;
    }
    expect_problem(get("/other"), 404, "not-found");
    expect_problem(get("/healthz", "DELETE"), 405, "method-not-allowed");
    receiver_->stop_listening(0);
    expect_problem(get("/readyz"), 503, "stopping");
    EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(ReceiverTest, AWebPageReadsNoHealthAndNoMetricsUnlessItsNameIsAllowed) {
    hosts_ = {"metrics.example.com"};
    start();
    for (const std::uint16_t port : {admin_port(), receiver_->metrics_address()->port}) {
        for (const std::string page : {"/healthz", "/readyz", "/metrics"}) {
            const RawAnswer refused = ask(port, "GET " + page, "evil.example");
            expect_problem(refused, 403, "forbidden");
            EXPECT_NE(refused.body.find("Host is evil.example, which is not a name of this server"),
                      std::string::npos)
                << refused.body;
            EXPECT_NE(refused.body.find("add the name to admin_hosts in [server]"),
                      std::string::npos)
                << refused.body;
            for (const std::string host : {"127.0.0.1:9464", "[::1]", "LocalHost:1",
                                           "metrics.example.com:9465", "METRICS.example.com"}) {
                EXPECT_EQ(ask(port, "GET " + page, host).status, 200) << host;
            }
        }
    }
}

TEST_F(ReceiverTest, TheMetricsListenerHasNoApi) {
    start();
    const std::uint16_t port = receiver_->metrics_address()->port;
    expect_problem(ask(port, "GET /api/v1/alerts", "127.0.0.1"), 404, "not-found");
    EXPECT_NE(ask(port, "GET /metrics", "127.0.0.1").body.find("incm_webhook_inbox_alerts 0"),
              std::string::npos);
    EXPECT_EQ(ask(admin_port(), "GET /api/v1/alerts", "127.0.0.1").status, 200);
}

TEST_F(ReceiverTest, LongAnswersThatNobodyReadsAreBoundedTogether) {
    start(8 * 1024 * 1024);
    const std::string body = "\"" + std::string(7'000'000, 'x') + "\"";  // more than a kernel takes
    ASSERT_EQ(exchange(signed_post(body)).status, 200);
    std::vector<std::unique_ptr<RawClient>> lazy;
    for (std::size_t i = 0; i < 20; ++i) {
        lazy.push_back(std::make_unique<RawClient>(admin_port()));
        lazy.back()->send(
            "GET /api/v1/alerts?body=1&limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }
    for (const auto& client : lazy) client->await();
    std::size_t whole = 0;
    for (const auto& client : lazy) {
        try {
            whole += client->receive().body.size() > body.size() ? 1 : 0;
        } catch (const std::exception&) {
            // Ended in the middle: others wanted the room.
        }
    }
    EXPECT_LE(whole, 9U) << "64 MiB hold nine of them";
    EXPECT_EQ(ask(admin_port(), "GET /api/v1/alerts?body=1", "127.0.0.1").status, 200);
}

TEST_F(ReceiverTest, WithoutAnInboxItRefusesAndGoesOnOnTheSameConnections) {
    make();
    ASSERT_TRUE(receiver_->listen_closed({ErrorCode::kInboxUnavailable, "at first"}).ok());
    ASSERT_TRUE(receiver_->listen_closed({ErrorCode::kInboxUnavailable, "no room"}).ok());
    RawClient alerts(port());
    RawClient admin(admin_port());
    const auto get = [](RawClient& client, const std::string& page) {
        client.send("GET " + page + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        return client.receive();
    };
    alerts.send(signed_post(kBody));
    const RawAnswer refused = alerts.receive();
    expect_problem(refused, 503, "cannot-store");
    EXPECT_NE(refused.headers.find("Retry-After: 10\r\n"), std::string::npos);
    EXPECT_EQ(refused.body.find("no room"), std::string::npos);
    EXPECT_EQ(get(alerts, "/up").status, 503);
    EXPECT_EQ(get(admin, "/healthz").status, 200);
    for (const std::string page : {"/readyz", "/metrics", "/api/v1/stats"}) {
        const RawAnswer why = get(admin, page);
        expect_problem(why, 503, "inbox-unavailable");
        EXPECT_NE(why.body.find("\"detail\":\"no room\""), std::string::npos) << why.body;
        EXPECT_NE(why.headers.find("Retry-After: 10\r\n"), std::string::npos);
    }
    expect_problem(get(admin, "/other"), 404, "not-found");
    expect_problem(ask(admin_port(), "GET /readyz", "evil.example"), 403, "forbidden");
    EXPECT_THROW(static_cast<void>(receiver_->reload({{"/a", {}}, {"/a", {}}}, {})),
                 incm::base::Failure);
    ASSERT_TRUE(receiver_->reload({{"/webhook", {kSecret}}, {"/later", {}}}, {{"a", {}}}).ok());
    ASSERT_TRUE(receiver_->start().ok());
    alerts.send(signed_post(kBody));
    EXPECT_EQ(alerts.receive().status, 200);
    alerts.send(post("{}", "Content-Type: application/json\r\n", "/later"));
    EXPECT_EQ(alerts.receive().status, 200);
    EXPECT_EQ(get(alerts, "/up").status, 200);
    EXPECT_EQ(get(admin, "/readyz").status, 200);
    EXPECT_EQ(get(admin, "/api/v1/stats").status, 200);
}

TEST_F(ReceiverTest, WithoutAnInboxItCanBeStopped) {
    make();
    ASSERT_TRUE(receiver_->listen_closed({ErrorCode::kInboxUnavailable, "no room"}).ok());
    RawClient client(port());
    client.send(signed_post(kBody));
    EXPECT_EQ(client.receive().status, 503);
    receiver_->stop();
    EXPECT_TRUE(client.at_end());
}

TEST_F(ReceiverTest, ReadinessGivesTheReasonWhyNothingCanBeStored) {
    start();
    std::filesystem::remove(folder_ / "inbox.db");
    expect_problem(exchange(signed_post(kBody)), 503, "cannot-store");
    const RawAnswer why = ask(admin_port(), "GET /readyz", "127.0.0.1");
    expect_problem(why, 503, "cannot-store");
    EXPECT_NE(why.body.find("the file of the inbox was moved, removed, replaced or overwritten"),
              std::string::npos)
        << why.body;
    EXPECT_EQ(exchange("GET /up HTTP/1.1\r\nHost: x\r\n\r\n").status, 503);
}

TEST_F(ReceiverTest, APortInUseIsAClearError) {
    start();
    incm::receiver::Config config;
    config.listen = receiver_->listen_address();
    config.inbox_url = "sqlite:" + (folder_ / "second.db");
    config.endpoints = {{"/webhook", {kSecret}}};
    incm::receiver::Receiver second(config, log_);
    const auto started = second.start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kCannotListen);
    EXPECT_NE(started.error().text.find("127.0.0.1:" + std::to_string(port())), std::string::npos);
}

TEST_F(ReceiverTest, AStopAnswersClientsThatWaitForPlugins) {
    start();
    RawClient client(port());
    client.send(post(kBody, "Content-Type: application/json\r\n", "/processed"));
    while (receiver_->inbox().counts().value().open == 0) {
        std::this_thread::yield();
    }
    receiver_->stop_listening(0);
    expect_problem(client.receive(), 500, "not-processed");
}

TEST_F(ReceiverTest, AStoredAlertIsCountedOnceEvenIfThePluginsAreNotDoneInTime) {
    start();
    const auto send = [&](const std::string& body) {
        auto client = std::make_unique<RawClient>(port());
        client->send(post(body, "Content-Type: application/json\r\n", "/processed"));
        return client;
    };
    const auto done = send(R"({"_id": "1"})");
    const auto fetched = receiver_->inbox().fetch("all", 1, 20'000);
    ASSERT_TRUE(fetched.ok());
    receiver_->inbox().settle({{.alert_id = fetched.value().front().alert_id,
                                .plugin = "all",
                                .outcome = incm::inbox::Outcome::kDelivered}});
    EXPECT_EQ(done->receive().status, 200);
    const auto waits = send(R"({"_id": "2"})");
    ASSERT_TRUE(receiver_->inbox().fetch("all", 1, 20'000).ok());
    receiver_->stop_listening(0);
    expect_problem(waits->receive(), 500, "not-processed");
    const auto endpoints = receiver_->counters().endpoints();
    ASSERT_EQ(endpoints.back().first, "/processed");
    EXPECT_EQ(endpoints.back().second->accepted(), 2);
    EXPECT_GT(endpoints.back().second->last_alert_ms(), 0);
}

TEST_F(ReceiverTest, AReloadThatFailsBeforeTheStartIsStillShownAfterIt) {
    make();
    receiver_->note_reload("a mistake in line 3");
    ASSERT_TRUE(receiver_->start().ok());
    const RawAnswer page = ask(admin_port(), "GET /metrics", "127.0.0.1");
    EXPECT_NE(page.body.find("incm_webhook_config_last_reload_successful 0\n"), std::string::npos)
        << page.body;
    receiver_->note_reload({});
    const RawAnswer later = ask(admin_port(), "GET /metrics", "127.0.0.1");
    EXPECT_NE(later.body.find("incm_webhook_config_last_reload_successful 1\n"), std::string::npos);
}

TEST_F(ReceiverTest, StopsUnderLoadWithoutHalfAnswers) {
    start();
    std::vector<std::thread> senders;
    std::mutex mutex;
    std::set<std::string> confirmed;
    std::atomic<int> begun{0};
    for (int sender = 0; sender < 4; ++sender) {
        senders.emplace_back([this, sender, &mutex, &confirmed, &begun] {
            try {
                RawClient client(port());
                for (int i = 0;; ++i) {
                    const std::string id = std::to_string(sender) + "-" + std::to_string(i);
                    client.send(signed_post(R"({"_id": ")" + id + R"("})"));
                    const RawAnswer answer = client.receive();
                    if (answer.status == 0) return;
                    EXPECT_EQ(answer.status, 200);
                    const std::lock_guard lock(mutex);
                    confirmed.insert(id);
                    ++begun;
                }
            } catch (const Poco::Exception&) {
                return;  // the connection was reset by the stop
            }
        });
    }
    while (begun < 20) std::this_thread::yield();
    receiver_->stop_listening(5000);
    for (std::thread& sender : senders) sender.join();
    std::set<std::string> stored;
    for (;;) {
        auto fetched = receiver_->inbox().fetch("all", 100, 0);
        ASSERT_TRUE(fetched.ok());
        if (fetched.value().empty()) break;
        for (const auto& delivery : fetched.value()) {
            stored.insert(delivery.text.substr(9, delivery.text.size() - 11));
        }
    }
    for (const std::string& id : confirmed) EXPECT_TRUE(stored.contains(id)) << id;
}

TEST(Address, IsHostAndPort) {
    using incm::receiver::parse_address;
    EXPECT_EQ(parse_address("127.0.0.1:8080").value().text(), "127.0.0.1:8080");
    EXPECT_EQ(parse_address("[::1]:0").value().text(), "[::1]:0");
    for (const char* wrong :
         {"", "8080", ":80", "host", "host:", "host:99999", "host:-1", "::1:80", "[]:1"}) {
        EXPECT_FALSE(parse_address(wrong).ok()) << wrong;
    }
}

TEST(Problem, EveryErrorHasAStatus) {
    std::set<std::string> slugs;
    for (int i = 0; i <= static_cast<int>(incm::base::kLastErrorCode); ++i) {
        const auto problem = incm::http::problem_for(static_cast<ErrorCode>(i));
        EXPECT_GE(problem.status, 400);
        EXPECT_LT(problem.status, 600);
        slugs.insert(std::string(problem.slug));
    }
    EXPECT_EQ(slugs.size(), 24U);
    EXPECT_EQ(incm::http::problem_json({ErrorCode::kInternal, "a secret path"}).find("secret"),
              std::string::npos);
}

}  // namespace
