#include "incm/admin/quarantine_api.h"

#include "inbox/sqlite/sqlite_fixture.h"

#include "incm/admin/api.h"
#include "incm/auth/signature.h"
#include "incm/inbox/catalog.h"

namespace {

using incm::admin::AdminApi;
using incm::admin::ApiReply;
using incm::admin::QuarantineApi;
using incm::base::ErrorCode;
using incm::base::Result;
using incm::inbox::QuarantineKind;
using incm::inbox::Stored;
using incm::inbox::StoredRejected;
using incm::ingest::Counters;
using incm::ingest::Endpoint;
using incm::ingest::Ingest;
using incm::ingest::NotKept;
using incm::ingest::PeerLimits;
using incm::ingest::Request;
using incm::ingest::Route;

const incm::base::Secret kRight("the right one");
constexpr const char* kBody = R"({"_id": "1", "type": "reboot"})";

/// A callback that fulfils a promise.
class Promised final : public incm::ingest::AlertCallback {
 public:
    explicit Promised(std::promise<Result<Stored>>& promise) : promise_(promise) {}
    void on_complete(const Result<Stored>& stored) noexcept override { promise_.set_value(stored); }

 private:
    std::promise<Result<Stored>>& promise_;
};

class QuarantineApiTest : public incm::inbox::sqlite::test::SqliteInboxTest {
 protected:
    /// An endpoint with a mistyped secret, and an unsigned one.
    void SetUp() override {
        open();
        serve(incm::base::Secret("the rihgt one"));
    }
    void serve(const incm::base::Secret& secret) {
        const std::vector<Endpoint> endpoints = {{"/webhook", {secret}}, {"/open", {}}};
        const std::vector<Route> routes = {{"a", {}}};
        if (ingest_) return ingest_->serve(Ingest::prepared(endpoints, routes));
        ingest_ = std::make_unique<Ingest>(*inbox_, endpoints, routes, counters_);
        api_ = std::make_unique<AdminApi>(*inbox_, routes, ingest_.get());
    }
    /// Send a body signed with the right secret; return the result.
    std::string refuse(const std::string& body, const std::string& peer = "192.0.2.1",
                       std::int64_t steady_ms = 0) {
        const auto answer = accept({.body = body,
                                    .signature = incm::auth::sign(body, kRight),
                                    .content_type = "application/json",
                                    .received_at = {.wall_ms = 1, .steady_ms = steady_ms},
                                    .peer = incm::net::IpAddress::parse(peer)});
        EXPECT_FALSE(answer.ok());
        return answer.ok() ? "" : answer.error().log_note;
    }
    Result<Stored> accept(Request request) {
        std::promise<Result<Stored>> result;
        ingest_->accept("/webhook", std::move(request), std::make_unique<Promised>(result));
        return result.get_future().get();
    }
    std::string get(const std::string& target) { return call("GET", target, ""); }
    std::string post(const std::string& target, const std::string& body) {
        return call("POST", target, body);
    }
    std::string call(const std::string& method, const std::string& target,
                     const std::string& body) {
        const ApiReply reply = api_->call({.method = method,
                                           .target = "/api/v1/quarantine" + target,
                                           .content_type = "application/json",
                                           .body = body});
        return std::to_string(reply.status) + " " + reply.body;
    }
    std::int64_t kept(QuarantineKind kind) { return counts().quarantined[kind]; }

    Counters counters_;
    std::unique_ptr<Ingest> ingest_;
    std::unique_ptr<AdminApi> api_;
};

TEST_F(QuarantineApiTest, ShowsWhatWasKept) {
    EXPECT_NE(refuse(kBody).find("kept in the quarantine: "), std::string::npos);
    const Request unsigned_one{.body = "\xff\x01", .content_type = "caf\xc3\xa9"};
    EXPECT_EQ(accept(unsigned_one).error().code, ErrorCode::kMissingSignature);
    flush();
    EXPECT_EQ(get("?limit=1"),
              R"(200 {"quarantine":[{"id":1,"kind":"wrong-signature",)"
              R"("received_at":"1970-01-01T00:00:00.001Z","endpoint":"/webhook",)"
              R"("peer":"192.0.2.1","signature":")" +
                  incm::auth::sign(kBody, kRight) +
                  R"(","content_type":"application/json",)"
                  R"("reason":"X-Signature does not fit the body and the secret","bytes":30}],)"
                  R"("next":1})"
                  "\n");
    EXPECT_NE(get("/1").find(R"("body":"{\"_id\": \"1\", \"type\": \"reboot\"}")"),
              std::string::npos)
        << get("/1");
    EXPECT_NE(get("/2").find(R"("body_base64":"/wE=")"), std::string::npos) << get("/2");
    EXPECT_NE(get("/2").find(R"("signature":null,"content_type":"caf\\xc3\\xa9")"),
              std::string::npos)
        << get("/2");
    EXPECT_NE(get("?kind=missing-signature").find(R"("id":2)"), std::string::npos);
    EXPECT_TRUE(get("/3").starts_with("404"));
    EXPECT_TRUE(get("?kind=odd").starts_with("400"));
    EXPECT_TRUE(get("?order=up").starts_with("400"));
    EXPECT_TRUE(get("/retry").starts_with("405"));
}

TEST_F(QuarantineApiTest, ACorrectedSecretLetsThemIn) {
    refuse(kBody);
    refuse(R"({"type": "no id"})");
    flush();
    const std::string refused = post("/retry", R"({"all": true})");
    EXPECT_NE(refused.find(R"("accepted":0,"duplicate":0,"refused":2)"), std::string::npos)
        << refused;
    EXPECT_NE(refused.find(R"("type":"wrong-signature")"), std::string::npos) << refused;
    EXPECT_EQ(kept(QuarantineKind::kWrongSignature), 2);
    serve(kRight);
    const std::string accepted = post("/retry", R"({"endpoint": "/webhook"})");
    EXPECT_NE(accepted.find(R"("accepted":2,"duplicate":0,"refused":0,"next":null)"),
              std::string::npos)
        << accepted;
    EXPECT_EQ(kept(QuarantineKind::kWrongSignature), 0);
    EXPECT_EQ(fetch().size(), 2U);
    EXPECT_NE(post("/retry", R"({"ids": [1]})").find(R"("result":"gone")"), std::string::npos);
}

TEST_F(QuarantineApiTest, WhatWasStoredBeforeIsARepetition) {
    refuse(kBody);
    flush();
    const StoredRejected before = inbox_->catalog().rejected(1).value().value();
    serve(kRight);
    // As after a crash in the middle: the alert is stored, and somebody tries the same row again.
    EXPECT_FALSE(ingest_->retry(before, {.wall_ms = 5, .steady_ms = 0}).value().duplicate);
    const auto again = ingest_->retry(before, {.wall_ms = 6, .steady_ms = 0});
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again.value().duplicate);
    EXPECT_EQ(fetch().size(), 1U);
    EXPECT_EQ(counts().quarantined.total(), 0);
}

TEST_F(QuarantineApiTest, WhatIsAuthenticButNoJsonStaysAsThat) {
    refuse("no JSON");
    flush();
    serve(kRight);
    for (int i = 0; i < 2; ++i) {
        const std::string answer = post("/retry", R"({"all": true})");
        EXPECT_NE(answer.find(R"("type":"not-json")"), std::string::npos) << answer;
        EXPECT_EQ(kept(QuarantineKind::kNotJson), 1);
        EXPECT_EQ(counts().quarantined.total(), 1);
    }
    EXPECT_EQ(inbox_->catalog().rejected(2).value()->request.body, "no JSON");
    EXPECT_EQ(inbox_->catalog().rejected(2).value()->request.peer, "192.0.2.1");
}

TEST_F(QuarantineApiTest, NothingIsAcceptedForAnEndpointThatIsGone) {
    refuse(kBody);
    flush();
    ingest_->serve(Ingest::prepared({{"/open", {}}}, {}));
    EXPECT_NE(post("/retry", R"({"all": true})").find(R"("type":"not-found")"), std::string::npos);
    ingest_->serve(Ingest::prepared({{"/webhook", {}}}, {{"a", {}}}));
    EXPECT_NE(post("/retry", R"({"all": true})").find(R"("accepted":1)"), std::string::npos);
}

TEST_F(QuarantineApiTest, ACallIsBoundedAndReturnsWhereToContinue) {
    for (std::size_t i = 0; i <= QuarantineApi::kRetriedACall; ++i) {
        refuse("{\"type\": " + std::to_string(i) + "}");
        if (i % 10 == 9) flush();
    }
    flush();
    serve(kRight);
    const std::string next = std::to_string(QuarantineApi::kRetriedACall);
    EXPECT_NE(post("/retry", R"({"all": true})").find("\"next\":" + next), std::string::npos);
    EXPECT_NE(post("/retry", R"({"all": true, "after": )" + next + "}").find(R"("next":null)"),
              std::string::npos);
    EXPECT_EQ(counts().quarantined.total(), 0);
}

TEST_F(QuarantineApiTest, DropsWhatIsNamed) {
    for (int i = 0; i < 3; ++i) refuse(std::to_string(i));
    flush();
    EXPECT_EQ(post("/drop", R"({"ids": [1, 9]})"), "200 {\"dropped\":1,\"next\":null}\n");
    EXPECT_EQ(post("/drop", R"({"kind": "not-json"})"), "200 {\"dropped\":0,\"next\":null}\n");
    EXPECT_EQ(post("/drop", R"({"all": true})"), "200 {\"dropped\":2,\"next\":null}\n");
    for (const char* body : {"{}", R"({"ids": [0]})", R"({"kind": "odd"})", R"({"al": true})"}) {
        EXPECT_TRUE(post("/drop", body).starts_with("400")) << body;
        EXPECT_TRUE(post("/retry", body).starts_with("400")) << body;
    }
    const AdminApi without(*inbox_, std::nullopt);
    const ApiReply reply = without.call({.method = "POST",
                                         .target = "/api/v1/quarantine/retry",
                                         .content_type = "application/json",
                                         .body = R"({"all": true})"});
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find("configuration"), std::string::npos);
}

TEST_F(QuarantineApiTest, SaysWhyOneIsNotKept) {
    EXPECT_NE(refuse(std::string(incm::ingest::kMaxKeptBody + 1, 'x')).find("longer than 256 KiB"),
              std::string::npos);
    EXPECT_EQ(counters_.unkept(NotKept::kTooLarge), 1U);
    for (std::int64_t i = 0; i < PeerLimits::kBurst; ++i) {
        refuse(std::to_string(i));
        if (i % 10 == 9) flush();
    }
    EXPECT_NE(refuse("one more").find("too many"), std::string::npos);
    EXPECT_EQ(counters_.unkept(NotKept::kTooOften), 1U);
    EXPECT_NE(refuse("one more", "192.0.2.2").find("kept in the quarantine: incm-webhook"),
              std::string::npos);
    flush();
    EXPECT_EQ(kept(QuarantineKind::kWrongSignature), PeerLimits::kBurst + 1);
}

}  // namespace
