#include "inbox/sqlite/sqlite_fixture.h"
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "incm/admin/api.h"
#include "incm/admin/bulk_changes.h"

namespace {

using incm::admin::AdminApi;
using incm::admin::ApiReply;
using incm::inbox::NewAlert;
using incm::inbox::Outcome;
using incm::ingest::Route;
using Poco::JSON::Array;
using Poco::JSON::Object;

class AdminApiTest : public incm::inbox::sqlite::test::SqliteInboxTest {
 protected:
    /// Open the inbox with the plugins "all" and "reboots", and the API with both.
    void open_both() {
        open({"all", "reboots"});
        api_ = std::make_unique<AdminApi>(
            *inbox_, std::vector<Route>{{"all", {}}, {"reboots", {.types = {"reboot"}}}});
    }
    std::int64_t put(std::uint64_t number, const std::string& type,
                     std::vector<std::string> plugins = {"all"}) {
        NewAlert made = incm::inbox::test::alert(number, std::move(plugins));
        made.received_at_ms = 1'764'000'000'000 + static_cast<std::int64_t>(number) * 1000;
        made.type = type;
        made.text = R"({"type": ")" + type + R"(", "entityName": "router-)" +
                    std::to_string(number) + R"(", "note": "\u00fc\n"})";
        return append(std::move(made)).id;
    }
    ApiReply call(const std::string& method, const std::string& target,
                  const std::string& body = "", const std::string& type = "application/json") {
        return api_->call({.method = method, .target = target, .content_type = type, .body = body});
    }
    Object::Ptr ok(const ApiReply& reply) {
        EXPECT_EQ(reply.status, 200) << reply.body;
        EXPECT_EQ(reply.content_type, "application/json");
        return Poco::JSON::Parser().parse(reply.body).extract<Object::Ptr>();
    }
    Object::Ptr get(const std::string& target) { return ok(call("GET", "/api/v1/" + target)); }
    Object::Ptr post(const std::string& target, const std::string& body) {
        return ok(call("POST", "/api/v1/" + target, body));
    }
    std::string ids(const std::string& query) {
        std::string text;
        const Array::Ptr alerts = get("alerts?" + query)->getArray("alerts");
        for (unsigned i = 0; i < alerts->size(); ++i) {
            text += (i ? "," : "") + alerts->getObject(i)->get("id").toString();
        }
        return text;
    }
    void expect_problem(const ApiReply& reply, int status, const std::string& part) {
        EXPECT_EQ(reply.status, status) << reply.body;
        EXPECT_EQ(reply.content_type, "application/problem+json");
        EXPECT_NE(reply.body.find(part), std::string::npos) << reply.body;
    }
    Object::Ptr delivery(std::int64_t id, unsigned index) {
        return get("alerts/" + std::to_string(id))->getArray("deliveries")->getObject(index);
    }
    /// All deliveries of plugin "all" become dead letters.
    void kill_all() {
        for (const auto& fetched : fetch(100, 0, "all")) {
            settle(fetched.alert_id, Outcome::kDead, 0, "all", "no");
        }
        flush();
    }

    std::unique_ptr<AdminApi> api_;
};

TEST_F(AdminApiTest, ListsAlertsInExactlyThisShape) {
    open_both();
    put(1, "reboot");
    put(2, "sim_switch");
    EXPECT_EQ(
        call("GET", "/api/v1/alerts?limit=1&body=1").body,
        R"({"alerts":[{"id":1,"received_at":"2025-11-24T16:00:01.000Z",)"
        R"("endpoint":"/alerts","form":"raw","type":"reboot","device":"device-1","state":"open",)"
        R"("body":"{\"type\": \"reboot\", \"entityName\": \"router-1\", )"
        R"(\"note\": \"\\u00fc\\n\"}"}],"next":1})"
        "\n");
    EXPECT_EQ(call("GET", "/api/v1/alerts?after=2").body, "{\"alerts\":[],\"next\":null}\n");
    EXPECT_EQ(ids(""), "1,2");
    EXPECT_EQ(ids("order=desc"), "2,1");
    EXPECT_FALSE(get("alerts")->getArray("alerts")->getObject(0)->has("body"));
}

TEST_F(AdminApiTest, ABodyComesBackWhateverIsInIt) {
    open_both();
    NewAlert made = incm::inbox::test::alert(1, {});
    made.text = "{\"a\\\"b\": \"\xc3\xbc \\u0001\xf0\x9f\x93\xa1\x7f/\",\n\t\"c\": \"\\\\\"}";
    const std::string text = made.text;
    append(std::move(made));
    EXPECT_EQ(get("alerts?body=1")->getArray("alerts")->getObject(0)->get("body").toString(), text);
}

TEST_F(AdminApiTest, FiltersAlerts) {
    open_both();
    put(1, "reboot", {"all", "reboots"});
    put(2, "sim_switch");
    put(3, "sim_fail");
    fetch(1, 0, "all");
    settle(1, Outcome::kDelivered, 0, "all");
    flush();
    EXPECT_EQ(ids("type=sim_*"), "2,3");
    EXPECT_EQ(ids("type=reboot&type=sim_fail"), "1,3");
    EXPECT_EQ(ids("device=router-2"), "2");
    EXPECT_EQ(ids("device=router-%3F&type=sim_*"), "2,3");
    EXPECT_EQ(ids("plugin=reboots"), "1");
    EXPECT_EQ(ids("plugin=all&state=delivered"), "1");
    EXPECT_EQ(ids("state=open"), "1,2,3");
    EXPECT_EQ(ids("since=2025-11-24T16:00:02Z&until=2025-11-24T16:00:03Z"), "2");
    EXPECT_EQ(ids("before=3&after=1"), "2");
}

TEST_F(AdminApiTest, RefusesWhatItCannotRead) {
    open_both();
    const std::pair<const char*, const char*> wrong[] = {
        {"alerts?limit=0", "1 to 1000"},
        {"alerts?limit=1001", "1 to 1000"},
        {"alerts?limit=x", "not \\\"x\\\""},
        {"alerts?after=-1", "after"},
        {"alerts?after=99999999999999999999", "after"},
        {"alerts?order=up", "asc or desc"},
        {"alerts?state=asleep", "open, dead or delivered"},
        {"alerts?plugin=nobody", "it knows all, reboots"},
        {"alerts?since=yesterday", "wants a time"},
        {"alerts?since=2025-11-24&since=2025-11-25", "more than once"},
        {"alerts?body=maybe", "wants 1 or 0"},
        {"alerts?tpye=x", "no parameter \\\"tpye\\\" here; known are after, before"},
        {"alerts?type=%zz", "cannot be read"},
        {"alerts/1?x=1", "no parameter"},
        {"stats?x=1", "no parameter"},
        {"dead?after=1", "must be the \\\"next\\\" of the previous answer"},
        {"dead?after=1:2:3", "must be the \\\"next\\\" of the previous answer"},
    };
    for (const auto& [target, part] : wrong) {
        SCOPED_TRACE(target);
        expect_problem(call("GET", std::string("/api/v1/") + target), 400, part);
    }
    expect_problem(call("GET", "/api/v1/alerts/7"), 404, "no alert has the number 7");
    expect_problem(call("GET", "/api/v1/alerts/x"), 404, "no such page");
    expect_problem(call("GET", "/api/v1/alerts/"), 404, "no such page");
    expect_problem(call("GET", "/api/v2/alerts"), 404, "no such page");
    expect_problem(call("GET", "/api/v1/dead/retry"), 405, "POST");
    EXPECT_EQ(call("GET", "/api/v1/dead/retry").allow, "POST");
    EXPECT_EQ(call("DELETE", "/api/v1/alerts/1").allow, "GET");
}

TEST_F(AdminApiTest, RefusesBodiesItCannotRead) {
    open_both();
    const std::string deep(5000, '[');
    const std::pair<std::string, const char*> wrong[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {deep, "not JSON"},
        {"[]", "a JSON object"},
        {R"({"ids": ["x"]})", "whole number"},
        {R"({"ids": [0]})", "whole number"},
        {R"({"ids": {"a": 1}})", "wrong type"},
        {R"({"ids": [1.5]})", "wrong type"},
        {R"({"all": "perhaps"})", "wants 1 or 0"},
        {R"({})", "say which"},
        {R"({"plugin": null})", "say which"},
        {R"({"plugin": "nobody"})", "it knows all, reboots"},
        {R"({"all": true, "after": "x"})", "must be the \\\"next\\\" of the previous answer"},
        {R"({"al": true})", "no parameter"},
    };
    for (const auto& [body, part] : wrong) {
        SCOPED_TRACE(body);
        expect_problem(call("POST", "/api/v1/dead/retry", body), 400, part);
        expect_problem(call("POST", "/api/v1/dead/drop", body), 400, part);
    }
    for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded"}) {
        expect_problem(call("POST", "/api/v1/dead/drop", R"({"all": true})", type), 415, "json");
    }
    EXPECT_EQ(
        call("POST", "/api/v1/dead/drop", R"({"all":1})", "Application/JSON ;charset=utf-8").status,
        200);
}

TEST_F(AdminApiTest, SaysWhyAPluginDidNotGetAnAlert) {
    open_both();
    put(1, "sim_switch");
    EXPECT_EQ(delivery(1, 0)->get("state").toString(), "open");
    EXPECT_EQ(delivery(1, 0)->get("due_in_ms").toString(), "0");
    EXPECT_TRUE(delivery(1, 0)->get("reason").isEmpty());
    EXPECT_EQ(delivery(1, 1)->get("state").toString(), "never");
    EXPECT_EQ(delivery(1, 1)->get("reason").toString(), "filter");
    EXPECT_EQ(delivery(1, 1)->get("filter").toString(), "types");
    put(2, "reboot");
    EXPECT_EQ(delivery(2, 1)->get("reason").toString(), "filter-changed");
    open({"all", "reboots", "late"});
    api_ = std::make_unique<AdminApi>(*inbox_, std::vector<Route>{{"all", {}}, {"late", {}}});
    EXPECT_EQ(delivery(1, 1)->get("reason").toString(), "not-configured");
    EXPECT_EQ(delivery(1, 1)->get("configured").toString(), "false");
    EXPECT_EQ(delivery(1, 2)->get("reason").toString(), "added-later");
    api_ = std::make_unique<AdminApi>(*inbox_, std::nullopt);
    EXPECT_TRUE(delivery(1, 1)->get("reason").isEmpty());
    EXPECT_TRUE(delivery(1, 1)->get("configured").isEmpty());
}

TEST_F(AdminApiTest, ShowsStatistics) {
    open_both();
    put(1, "reboot", {"all", "reboots"});
    kill_all();
    const Object::Ptr stats = get("stats");
    EXPECT_EQ(stats->get("alerts").toString(), "2");
    EXPECT_EQ(stats->get("open").toString(), "1");
    EXPECT_EQ(stats->get("dead").toString(), "1");
    EXPECT_EQ(stats->get("last_alert_id").toString(), "2");
    EXPECT_EQ(stats->get("first_received_at").toString(), "2025-11-24T16:00:01.000Z");
    const Object::Ptr all = stats->getArray("plugins")->getObject(0);
    EXPECT_EQ(all->get("plugin").toString(), "all");
    EXPECT_EQ(all->get("configured").toString(), "true");
    EXPECT_EQ(all->get("dead").toString(), "1");
    EXPECT_TRUE(all->get("oldest_open_ms").isEmpty());
    EXPECT_EQ(stats->getObject("file")->get("path").toString(), path());
}

TEST_F(AdminApiTest, RetriesAndDropsDeadLetters) {
    open_both();
    for (std::uint64_t number = 1; number <= 4; ++number) put(number, "reboot");
    kill_all();
    EXPECT_EQ(get("dead?limit=3")->get("next").toString(), "1:3");
    EXPECT_EQ(get("dead?limit=3&after=1:3")->getArray("dead")->size(), 1U);
    const Object::Ptr first = get("dead")->getArray("dead")->getObject(0);
    EXPECT_EQ(first->get("id").toString(), "1");
    EXPECT_EQ(first->get("state").toString(), "dead");
    EXPECT_EQ(first->get("error").toString(), "no");
    EXPECT_EQ(post("dead/retry", R"({"ids": [1, 99]})")->get("retried").toString(), "1");
    EXPECT_EQ(post("dead/retry", R"({"ids": [2], "plugin": "reboots"})")->get("retried").toString(),
              "0");
    EXPECT_EQ(post("dead/drop", R"({"ids": 2, "plugin": "all"})")->get("dropped").toString(), "1");
    EXPECT_EQ(post("dead/retry", R"({"plugin": "all"})")->get("retried").toString(), "2");
    EXPECT_EQ(get("dead")->getArray("dead")->size(), 0U);
    EXPECT_EQ(counts().open, 3);
    EXPECT_EQ(counts().dead, 0);
    EXPECT_EQ(delivery(2, 0)->get("state").toString(), "dropped");
}

TEST_F(AdminApiTest, OrphanedDeliveriesAreShownUntilTheyAreDropped) {
    open({"all", "old"});
    put(1, "reboot", {"all", "old"});
    put(2, "reboot", {"all", "old"});
    fetch(1, 0, "old");
    settle(1, Outcome::kDead, 0, "old");
    flush();
    open({"all"});
    api_ = std::make_unique<AdminApi>(*inbox_, std::vector<Route>{{"all", {}}});
    const Array::Ptr dead = get("dead")->getArray("dead");
    ASSERT_EQ(dead->size(), 2U);
    EXPECT_EQ(dead->getObject(0)->get("state").toString(), "dead");
    EXPECT_EQ(dead->getObject(1)->get("state").toString(), "orphaned");
    EXPECT_EQ(post("dead/retry", R"({"all": true})")->get("retried").toString(), "0");
    EXPECT_EQ(post("dead/retry", R"({"ids": [1]})")->get("retried").toString(), "0");
    expect_problem(call("POST", "/api/v1/dead/retry", R"({"plugin": "old"})"), 400,
                   "not configured");
    EXPECT_EQ(post("dead/drop", R"({"ids": [2]})")->get("dropped").toString(), "1");
    EXPECT_EQ(post("dead/drop", R"({"all": true})")->get("dropped").toString(), "1");
    EXPECT_EQ(counts().open, 2) << "those of the configured plugin stay";
}

TEST_F(AdminApiTest, WithoutAConfigurationNothingIsOrphaned) {
    open({"old"});
    put(1, "reboot", {"old"});
    open({});
    api_ = std::make_unique<AdminApi>(*inbox_, std::nullopt);
    EXPECT_EQ(get("dead")->getArray("dead")->size(), 0U);
    EXPECT_EQ(post("dead/drop", R"({"all": true})")->get("dropped").toString(), "0");
    EXPECT_EQ(post("dead/drop", R"({"ids": [1]})")->get("dropped").toString(), "0");
    expect_problem(call("POST", "/api/v1/replay", R"({"since": "2025-01-01"})"), 400,
                   "configuration");
    EXPECT_EQ(counts().open, 1);
}

TEST_F(AdminApiTest, ReplaysWhatAPluginWants) {
    open_both();
    put(1, "reboot", {});
    put(2, "sim_switch", {});
    put(3, "reboot", {"all"});
    const auto replayed = [this](const std::string& body) {
        return post("replay", body)->get("replayed").toString();
    };
    EXPECT_EQ(replayed(R"({"since": "2025-11-24", "dry_run": true})"), "4") << "3 is open at all";
    EXPECT_EQ(counts().open, 1);
    EXPECT_EQ(replayed(R"({"since": "2025-11-24", "plugin": "reboots", "device": "*-3"})"), "1");
    EXPECT_EQ(replayed(R"({"after": 1, "type": ["sim_*"]})"), "1");
    EXPECT_EQ(replayed(R"({"since": "2025-11-24T16:00:00Z", "until": "2025-11-24T16:00:02Z"})"),
              "2");
    EXPECT_EQ(replayed(R"({"since": "2025-11-24"})"), "0") << "all are open";
    EXPECT_EQ(fetch(10, 0, "reboots").size(), 2U);
    EXPECT_EQ(fetch(10, 0, "all").size(), 3U);
    expect_problem(call("POST", "/api/v1/replay", "{}"), 400, "say where to begin");
    expect_problem(call("POST", "/api/v1/replay", R"({"after": 1, "plugin": "x"})"), 400,
                   "no plugin x is configured");
}

TEST_F(AdminApiTest, SaysWhetherACallChangedSomething) {
    open_both();
    const auto changed = [this](const std::string& method, const std::string& path,
                                const std::string& body = "") {
        return call(method, "/api/v1/" + path, body).changed;
    };
    EXPECT_TRUE(changed("POST", "replay", R"({"since": "2025-11-24", "dry_run": false})"));
    EXPECT_TRUE(changed("POST", "dead/retry", R"({"all": true})"));
    EXPECT_FALSE(changed("POST", "replay", R"({"since": "2025-11-24", "dry_run": true})"));
    EXPECT_FALSE(changed("POST", "replay", R"({"since": "yesterday"})")) << "it is refused";
    EXPECT_FALSE(changed("GET", "alerts"));
}

TEST_F(AdminApiTest, ALongReplayReturnsWhereToContinue) {
    open_both();
    const int most = static_cast<int>(incm::inbox::kMaxOperatorActions) * incm::admin::kStepsACall;
    close();
    incm::inbox::sqlite::test::run_sql(
        path(),
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
            std::to_string(most + 5) +
            ") INSERT INTO alert SELECT i, '/w', i, 'raw', 'x', '', x'7b7d', i, NULL FROM n");
    open_both();
    const Object::Ptr first = post("replay", R"({"since": "1970-01-01"})");
    EXPECT_EQ(first->get("replayed").toString(), std::to_string(most));
    const std::string next = first->get("next").toString();
    EXPECT_EQ(next, std::to_string(most));
    const Object::Ptr second = post("replay", R"({"after": )" + next + "}");
    EXPECT_EQ(second->get("replayed").toString(), "5");
    EXPECT_TRUE(second->get("next").isEmpty());
    EXPECT_EQ(counts().open, most + 5);
    while (!fetch(1000, 0, "all").empty()) {
    }
    EXPECT_EQ(ids("state=open&order=desc&limit=1"), std::to_string(most + 5));
}

}  // namespace
