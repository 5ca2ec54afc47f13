#include "incm/admin/state_api.h"

#include <set>

#include "inbox/sqlite/sqlite_fixture.h"
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/URI.h>

#include "incm/admin/api.h"
#include "incm/inbox/kept_state.h"

namespace {

using incm::admin::AdminApi;
using incm::admin::ApiReply;
using incm::inbox::Outcome;
using incm::inbox::StateChange;
using incm::ingest::Route;
using Poco::JSON::Array;
using Poco::JSON::Object;

class StateApiTest : public incm::inbox::sqlite::test::SqliteInboxTest {
 protected:
    /// The inbox knows "a", "b" and "old"; "old" is not configured any more.
    void SetUp() override {
        open({"a", "b", "old"});
        api_ = std::make_unique<AdminApi>(*inbox_, std::vector<Route>{{"a", {}}, {"b", {}}});
    }
    void keep(const std::string& plugin, std::vector<StateChange> changes) {
        const auto written = inbox_->kept_state().write(plugin, std::move(changes));
        ASSERT_TRUE(written.ok()) << written.error().text;
    }
    ApiReply call(const std::string& method, const std::string& target,
                  const std::string& body = "") {
        return api_->call({.method = method,
                           .target = "/api/v1/state" + target,
                           .content_type = "application/json",
                           .body = body});
    }
    std::string get(const std::string& target) { return answer(call("GET", target)); }
    std::string drop(const std::string& body) { return answer(call("POST", "/drop", body)); }
    static std::string answer(const ApiReply& reply) {
        return std::to_string(reply.status) + " " + reply.body;
    }
    /// All keys of plugin "a", page by page.
    std::set<std::string> keys(const std::string& limit) {
        std::set<std::string> found;
        std::string after;
        while (true) {
            std::string encoded;
            Poco::URI::encode(after, "&+=#%", encoded);
            const ApiReply reply =
                call("GET", "/keys?plugin=a&limit=" + limit + "&after=" + encoded);
            EXPECT_EQ(reply.status, 200) << reply.body;
            const auto page = Poco::JSON::Parser().parse(reply.body).extract<Object::Ptr>();
            const Array::Ptr entries = page->getArray("keys");
            for (unsigned i = 0; i < entries->size(); ++i) {
                const std::string key = entries->getObject(i)->get("key").toString();
                EXPECT_TRUE(found.insert(key).second) << key << " twice";
            }
            if (page->isNull("next")) return found;
            after = page->get("next").toString();
        }
    }

    std::unique_ptr<AdminApi> api_;
};

TEST_F(StateApiTest, ListsThePluginsThatKeepAState) {
    EXPECT_EQ(get(""), "200 {\"state\":[]}\n");
    keep("old", {{"k", "1"}});
    keep("a", {{"ticket/\xC3\xBC", R"({"n":1})"}, {"l", "\"x\""}});
    EXPECT_EQ(get(""), R"(200 {"state":[{"plugin":"a","configured":true,"keys":2,"bytes":20},)"
                       R"({"plugin":"old","configured":false,"keys":1,"bytes":2}]})"
                       "\n");
    AdminApi unconfigured(inbox_->catalog(), std::nullopt);
    EXPECT_NE(unconfigured.call({.method = "GET", .target = "/api/v1/state"})
                  .body.find(R"({"plugin":"a","configured":null,)"),
              std::string::npos);
}

TEST_F(StateApiTest, ListsKeysWithTheirValues) {
    keep("a", {{"b", "[1,\"\xE4\xBB\x93\"]"}, {"a\n\"", "null"}, {"c", "\xFF\""}});
    EXPECT_EQ(get("/keys?plugin=a"),
              R"(200 {"keys":[{"key":"a\n\"","bytes":7,"value":"null"},)"
              "{\"key\":\"b\",\"bytes\":10,\"value\":\"[1,\\\"\xE4\xBB\x93\\\"]\"},"
              R"({"key":"c","bytes":3,"value":"\\xff\""}],"next":null})"
              "\n");
    EXPECT_EQ(get("/keys?plugin=a&prefix=b"),
              "200 {\"keys\":[{\"key\":\"b\",\"bytes\":10,\"value\":\"[1,\\\"\xE4\xBB\x93\\\"]\"}],"
              "\"next\":null}\n");
    EXPECT_EQ(get("/keys?plugin=a&limit=1"),
              R"(200 {"keys":[{"key":"a\n\"","bytes":7,"value":"null"}],"next":"a\n\""})"
              "\n");
    EXPECT_EQ(get("/keys?plugin=b"), "200 {\"keys\":[],\"next\":null}\n");
}

TEST_F(StateApiTest, PagesHaveEveryKeyOnce) {
    std::set<std::string> expected;
    std::vector<StateChange> changes;
    for (int i = 0; i < 600; ++i) {
        const std::string key = "&+ %=#\xC3\xBC\x01" + std::to_string(i);
        expected.insert(key);
        changes.push_back({key, "1"});
    }
    keep("a", std::move(changes));
    EXPECT_EQ(keys("7"), expected);
    EXPECT_EQ(keys("1000"), expected);
}

TEST_F(StateApiTest, DropsWhatIsNamed) {
    keep("a", {{"k", "1"}, {"\xF0\x9F\x98\x80", "2"}, {"l", "3"}});
    keep("b", {{"k", "1"}});
    const ApiReply reply =
        call("POST", "/drop", R"({"plugin": "a", "keys": ["k", "\ud83d\ude00", "not there"]})");
    EXPECT_EQ(answer(reply), "200 {\"plugin\":\"a\",\"dropped\":2,\"next\":null}\n");
    EXPECT_TRUE(reply.changed) << "such calls are logged";
    EXPECT_EQ(keys("10"), std::set<std::string>{"l"});
    EXPECT_EQ(drop(R"({"plugin": "a", "keys": ["k"]})"),
              "200 {\"plugin\":\"a\",\"dropped\":0,\"next\":null}\n");
    EXPECT_EQ(inbox_->kept_state().get("b", "k").value(), "1");
    EXPECT_EQ(inbox_->kept_state().get("a", "l").value(), "3");
}

TEST_F(StateApiTest, DropsAllOrWhatBeginsWithAPrefix) {
    std::vector<StateChange> changes;
    for (int i = 0; i < 600; ++i) changes.push_back({"p/" + std::to_string(i), "1"});
    changes.push_back({"q", "1"});
    keep("a", std::move(changes));
    EXPECT_EQ(drop(R"({"plugin": "a", "prefix": "p/"})"),
              "200 {\"plugin\":\"a\",\"dropped\":600,\"next\":null}\n");
    EXPECT_EQ(keys("10"), std::set<std::string>{"q"});
    EXPECT_EQ(drop(R"({"plugin": "a", "all": true})"),
              "200 {\"plugin\":\"a\",\"dropped\":1,\"next\":null}\n");
    EXPECT_EQ(get(""), "200 {\"state\":[]}\n");
}

TEST_F(StateApiTest, ACallThatDropsMuchEndsAndGoesOnWithTheNext) {
    std::vector<StateChange> changes;
    for (int i = 0; i < 9000; ++i) changes.push_back({std::to_string(10'000 + i), "1"});
    keep("a", std::move(changes));
    EXPECT_EQ(drop(R"({"plugin": "a", "all": true})"),
              "200 {\"plugin\":\"a\",\"dropped\":8192,\"next\":\"18191\"}\n");
    EXPECT_EQ(drop(R"({"plugin": "a", "all": true, "after": "18191"})"),
              "200 {\"plugin\":\"a\",\"dropped\":808,\"next\":null}\n");
}

/// What a call has changed and the disk does not have yet is dropped, too.
TEST_F(StateApiTest, DropsWhatIsNotOnDiskYet) {
    append(incm::inbox::test::alert(1, {"a"}));
    const auto id = fetch_ids().at(0);
    inbox_->settle({{id, "a", Outcome::kDelivered}}, {{"k", "1"}});
    EXPECT_NE(drop(R"({"plugin": "a", "all": true})").find("\"next\":null"), std::string::npos);
    EXPECT_EQ(inbox_->kept_state().get("a", "k").value(), std::nullopt);
    flush();
    EXPECT_EQ(inbox_->kept_state().get("a", "k").value(), std::nullopt);
}

TEST_F(StateApiTest, SaysWhatIsWrongWithACall) {
    EXPECT_NE(get("/keys").find("say whose: plugin"), std::string::npos);
    EXPECT_NE(get("/keys?plugin=c").find("the inbox knows no plugin c; it knows a, b, old"),
              std::string::npos);
    EXPECT_TRUE(get("/keys?plugin=a&limit=0").starts_with("400"));
    EXPECT_TRUE(get("?plugin=a").starts_with("400"));
    EXPECT_TRUE(get("/drop").starts_with("405"));
    for (const char* body : {R"({"plugin": "a"})", R"({"plugin": "a", "keys": []})",
                             R"({"plugin": "a", "keys": ["k"], "all": true})",
                             R"({"plugin": "a", "keys": ["k"], "prefix": ""})",
                             R"({"plugin": "a", "all": true, "prefix": ""})"}) {
        EXPECT_NE(drop(body).find("say which: keys, prefix, or \\\"all\\\": true"),
                  std::string::npos)
            << drop(body);
    }
    EXPECT_NE(drop(R"({"keys": ["k"]})").find("say whose: plugin"), std::string::npos);
    EXPECT_NE(drop(R"({"plugin": "c", "all": true})").find("knows no plugin c"), std::string::npos);
    EXPECT_NE(drop(R"({"plugin": "a", "keys": [["k"]]})").find("wrong type"), std::string::npos);
    std::string many = R"({"plugin": "a", "keys": ["0")";
    for (int i = 1; i <= 1000; ++i) many += ",\"" + std::to_string(i) + "\"";
    EXPECT_NE(drop(many + "]}").find("at most 1000 keys at once"), std::string::npos);
}

TEST_F(StateApiTest, AnInboxThatIsOnlyReadDropsNothing) {
    keep("a", {{"k", "1"}});
    AdminApi reading(inbox_->catalog(), std::nullopt);
    const ApiReply reply = reading.call({.method = "POST",
                                         .target = "/api/v1/state/drop",
                                         .content_type = "application/json",
                                         .body = R"({"plugin": "a", "all": true})"});
    EXPECT_EQ(reply.status, 400);
    EXPECT_NE(reply.body.find("the inbox is open only for reading"), std::string::npos);
    EXPECT_EQ(keys("10"), std::set<std::string>{"k"});
}

}  // namespace
