#include <algorithm>
#include <fstream>
#include <iterator>
#include <type_traits>

#include <gtest/gtest.h>

#include "incm/model/alert.h"

namespace {

using incm::base::ErrorCode;
using incm::model::Alert;
using incm::model::parse_alert;
using incm::model::Timestamp;

Alert parsed(const std::string& text) {
    auto alert = parse_alert(text);
    EXPECT_TRUE(alert.ok()) << (alert.ok() ? "" : alert.error().text);
    return alert.ok() ? std::move(alert).value() : Alert{};
}

std::string reboot_json() {
    std::ifstream file(INCM_GOLDEN "/reboot.json");
    return {std::istreambuf_iterator<char>(file), {}};
}

constexpr Timestamp kSampleTime{1'736'157'698'000'000};  // 2025-01-06T10:01:38Z

TEST(AlertJson, ReadsTheGuidesExample) {
    const Alert alert = parsed(reboot_json());
    EXPECT_EQ(alert.raw, reboot_json());
    EXPECT_EQ(alert.id, "677baa025a34db68978609b8");
    EXPECT_EQ(alert.type, "reboot");
    EXPECT_EQ(alert.ack, false);
    EXPECT_EQ(alert.app, "nezha");
    EXPECT_TRUE(alert.has_data);
    EXPECT_EQ(alert.serial_number, "EF605231726YKLU");
    EXPECT_EQ(alert.reason, "reboot");
    EXPECT_EQ(alert.timestamp, kSampleTime);
    EXPECT_EQ(alert.device_id, "66ea69ab06eccf714c377403");
    EXPECT_EQ(alert.entity_id, "66ea69ab06eccf714c377403");
    EXPECT_EQ(alert.entity_name, "EF605231726YKLU");
    EXPECT_EQ(alert.org_id, "65e6cd35361ee640b6a04ec7");
    ASSERT_TRUE(alert.org);
    EXPECT_EQ(alert.org->id, "65e6cd35361ee640b6a04ec7");
    EXPECT_EQ(alert.org->name, "inhand00356");
    EXPECT_EQ(alert.created_at, kSampleTime);
    EXPECT_EQ(alert.updated_at, kSampleTime);
    EXPECT_EQ(alert.device_group_id, "66ea775522b4cd7a3dda4005");
    ASSERT_TRUE(alert.device_group);
    EXPECT_EQ(alert.device_group->name, "605");
    EXPECT_FALSE(alert.content || alert.retention_s || alert.entity_type || alert.title ||
                 alert.closed_at || alert.status || alert.priority);
    EXPECT_TRUE(alert.problems.empty());
}

TEST(AlertJson, ReadsTheFieldsThatTheExampleOmits) {
    const Alert alert = parsed(
        R"({"content": "c", "data": {"retention": "60"}, "entityType": "device", "title": "t",)"
        R"( "closedAt": "2025-01-06T10:01:38Z", "status": "ACTIVE", "priority": 3})");
    EXPECT_EQ(alert.content, "c");
    EXPECT_EQ(alert.retention_s, 60);
    EXPECT_EQ(alert.entity_type, "device");
    EXPECT_EQ(alert.title, "t");
    EXPECT_EQ(alert.closed_at, kSampleTime);
    EXPECT_EQ(alert.status, "active");
    EXPECT_EQ(alert.priority, 3);
    EXPECT_TRUE(alert.problems.empty());
}

TEST(AlertJson, NullIsAbsentAndNoProblem) {
    const Alert alert = parsed(
        R"({"_id": null, "ack": null, "data": null, "org": null, "priority": null, "closedAt": null})");
    EXPECT_FALSE(alert.id || alert.ack || alert.has_data || alert.org || alert.priority ||
                 alert.closed_at);
    EXPECT_TRUE(alert.problems.empty());
}

TEST(AlertJson, TakesNumbersForStringsAndStringsForNumbers) {
    const Alert alert = parsed(
        R"({"deviceId": 17, "ack": "true", "priority": "2", "data": {"retention": 60,)"
        R"( "timestamp": 1736157698}, "createdAt": "1736157698000", "updatedAt": 1736157698000.0})");
    EXPECT_EQ(alert.device_id, "17");
    EXPECT_EQ(alert.ack, true);
    EXPECT_EQ(alert.priority, 2);
    EXPECT_EQ(alert.retention_s, 60);
    EXPECT_EQ(alert.timestamp, kSampleTime);
    EXPECT_EQ(alert.created_at, kSampleTime);
    EXPECT_EQ(alert.updated_at, kSampleTime);
    EXPECT_EQ(alert.problems.size(), 5U);
}

TEST(AlertJson, WrongTypesAreProblemsThatNameThePath) {
    const Alert alert = parsed(
        R"({"_id": ["x"], "ack": "maybe", "data": "none", "org": 5, "priority": 1.5,)"
        R"( "closedAt": "yesterday", "type": {"a": 1}, "deviceGroup": {"_id": [1], "name": "g"}})");
    EXPECT_FALSE(alert.id || alert.ack || alert.has_data || alert.org || alert.priority ||
                 alert.closed_at || alert.type);
    ASSERT_TRUE(alert.device_group);
    EXPECT_EQ(alert.device_group->name, "g");
    ASSERT_EQ(alert.problems.size(), 8U);
    EXPECT_EQ(alert.problems.front(), "_id: expected a string, got an array");
    EXPECT_EQ(alert.problems[1], R"(ack: expected true or false, got "maybe")");
    EXPECT_NE(std::ranges::find(alert.problems, "deviceGroup._id: expected a string, got an array"),
              alert.problems.end());
}

TEST(AlertJson, TheLastOfRepeatedKeysCounts) {
    const Alert alert = parsed(
        R"({"type": "a", "data": {"reason": "x", "serialNumber": "s"}, "type": "b", "data": {"reason": "y"}})");
    EXPECT_EQ(alert.type, "b");
    EXPECT_EQ(alert.reason, "y");
    EXPECT_FALSE(alert.serial_number);
}

TEST(AlertJson, AnyJsonIsAnAlert) {
    for (const std::string text :
         {"[]", "null", "\"x\"", "5", "true", "[{\"type\": \"reboot\"}]"}) {
        SCOPED_TRACE(text);
        const Alert alert = parsed(text);
        EXPECT_EQ(alert.raw, text);
        EXPECT_FALSE(alert.type);
        ASSERT_EQ(alert.problems.size(), 1U);
        EXPECT_EQ(alert.problems.front().rfind("the body: expected an object, got ", 0), 0U);
    }
}

TEST(AlertJson, WhatAStrictParserRefusesIsStillRead) {
    for (const std::string odd : {R"("x": NaN)", R"("x": 123456789012345678901234567890)",
                                  R"("x": "\ud800")", R"("x": 1e999)", R"("x": -Infinity)"}) {
        SCOPED_TRACE(odd);
        const Alert alert = parsed(R"({"type": "reboot", )" + odd + "}");
        EXPECT_EQ(alert.type, "reboot");
        EXPECT_EQ(alert.problems.size(), 1U);
    }
    EXPECT_EQ(parsed("\xef\xbb\xbf{\"type\": \"reboot\"}").type, "reboot");
}

TEST(AlertJson, TooDeepIsStoredUnread) {
    const std::string deep =
        R"({"type": "reboot", "x": )" + std::string(5000, '[') + std::string(5000, ']') + "}";
    const Alert alert = parsed(deep);
    EXPECT_EQ(alert.raw, deep);
    EXPECT_FALSE(alert.type);
    ASSERT_EQ(alert.problems.size(), 1U);
    EXPECT_EQ(alert.problems.front(), "the body is nested too deep to be read");
}

TEST(AlertJson, ListsABoundedNumberOfProblems) {
    std::string text = "{";
    for (int i = 0; i < 100; ++i) text += R"("_id": [], )";
    const Alert alert = parsed(text + R"("type": "reboot"})");
    EXPECT_EQ(alert.type, "reboot");
    ASSERT_EQ(alert.problems.size(), incm::model::kMaxProblems + 1);
    EXPECT_EQ(alert.problems.back(), "and 68 more");
}

TEST(AlertJson, WhatIsNoJsonIsAnError) {
    for (const std::string text : {"", "{", "{}x", "{'a': 1}", "\xff", "{\"a\": 01}", "reboot"}) {
        SCOPED_TRACE(text);
        const auto alert = parse_alert(text);
        ASSERT_FALSE(alert.ok());
        EXPECT_EQ(alert.error().code, ErrorCode::kNotJson);
    }
}

TEST(AlertJson, TextsOutliveTheNextParseAndEveryMove) {
    static_assert(!std::is_copy_constructible_v<Alert>);
    Alert first = parsed(
        R"({"_id": "\u0041b", "app": 1e9, "status": "OPEN", "org": {"_id": "o1", "name": "n1"}})");
    const Alert second = parsed(
        R"({"_id": "\u0043d", "app": 2e9, "status": "SHUT", "org": {"_id": "o2", "name": "n2"}})");
    Alert moved = std::move(first);
    std::string(std::move(moved.raw)).clear();
    Alert assigned = parsed(R"({"_id": "gone"})");
    assigned = std::move(moved);
    EXPECT_EQ(assigned.id, "Ab");
    EXPECT_EQ(assigned.app, "1000000000.0");
    EXPECT_EQ(assigned.status, "open");
    ASSERT_TRUE(assigned.org);
    EXPECT_EQ(assigned.org->id, "o1");
    EXPECT_EQ(assigned.org->name, "n1");
    EXPECT_EQ(second.id, "Cd");
    EXPECT_EQ(second.status, "shut");
}

TEST(AlertJson, NumbersThatGrowWhenPrintedFitTheirAlert) {
    std::string text = "{";
    for (int i = 0; i < 200; ++i) text += R"("app":1e9,)";
    const Alert alert = parsed(text + R"("oid":1e9,"type":1e9,"title":1e9})");
    EXPECT_EQ(alert.app, "1000000000.0");
    EXPECT_EQ(alert.org_id, "1000000000.0");
    EXPECT_EQ(alert.type, "1000000000.0");
    EXPECT_EQ(alert.title, "1000000000.0");
}

TEST(AlertJson, AHugeBodyIsRead) {
    const std::string big(1'000'000, 'x');
    EXPECT_EQ(parsed(R"({"content": ")" + big + R"("})").content, big);
}

}  // namespace
