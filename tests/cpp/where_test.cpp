#include "incm/model/where.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

using incm::model::ValueKind;
using incm::model::ValuePattern;
using incm::model::Where;

ValuePattern pattern(std::string_view text) {
    return ValuePattern::parse(text).value();
}

Where where(std::string_view path, std::string_view text) {
    Where one;
    EXPECT_TRUE(one.add(path, {pattern(text)}).ok()) << path;
    return one;
}

bool holds(std::string_view path, std::string_view text, std::string_view json) {
    return where(path, text).all_hold(json);
}

std::string error_of(std::string_view path) {
    Where one;
    const auto added = one.add(path, {pattern("x")});
    EXPECT_TRUE(one.empty() || added.ok());
    return added.ok() ? "" : added.error().text;
}

std::string pattern_error(std::string_view text) {
    const auto read = ValuePattern::parse(text);
    return read.ok() ? "" : read.error().text;
}

TEST(ValuePattern, ComparesNumbersAndNumericTexts) {
    const struct {
        const char* pattern;
        const char* matching;
        const char* other;
    } cases[] = {
        {"<= 2", "2", "3"},          {"<=2", "-7", "2.01"},  {"< 5", "4.999", "5"},
        {">= 1", "1.0", "0"},        {">1", "1e1", "1"},     {"!= 3", "4", "3.0"},
        {"= 3", "3.0", "4"},         {"==3", "30e-1", "33"}, {"1..3", "1", "3.5"},
        {"-2.5 .. -1", "-2.5", "0"}, {"1..1", "1", "2"},     {"< 1e400", "1e399", "1e400"},
    };
    for (const auto& one : cases) {
        for (const ValueKind kind : {ValueKind::kNumber, ValueKind::kText}) {
            EXPECT_TRUE(pattern(one.pattern).matches(kind, one.matching)) << one.pattern;
            EXPECT_FALSE(pattern(one.pattern).matches(kind, one.other)) << one.pattern;
        }
        EXPECT_FALSE(pattern(one.pattern).matches(ValueKind::kText, "many")) << one.pattern;
        EXPECT_FALSE(pattern(one.pattern).matches(ValueKind::kText, "")) << one.pattern;
        EXPECT_FALSE(pattern(one.pattern).matches(ValueKind::kText, "3x")) << one.pattern;
        EXPECT_FALSE(pattern(one.pattern).matches(ValueKind::kBoolean, "true")) << one.pattern;
    }
    EXPECT_TRUE(ValuePattern::number("3").value().matches(ValueKind::kText, "3.0"));
    EXPECT_FALSE(ValuePattern::number("nan").ok());
    EXPECT_FALSE(ValuePattern::number("inf").ok());
}

TEST(ValuePattern, OfABooleanMatchesBooleansAndTheirNames) {
    const ValuePattern yes = ValuePattern::boolean(true);
    EXPECT_TRUE(yes.matches(ValueKind::kBoolean, "true"));
    EXPECT_TRUE(yes.matches(ValueKind::kText, "True"));
    EXPECT_FALSE(yes.matches(ValueKind::kBoolean, "false"));
    EXPECT_FALSE(yes.matches(ValueKind::kNumber, "1"));
    EXPECT_TRUE(ValuePattern::boolean(false).matches(ValueKind::kText, "FALSE"));
}

TEST(ValuePattern, OfATextMatchesWhatIsWritten) {
    EXPECT_TRUE(pattern("wan*").matches(ValueKind::kText, "wan1"));
    EXPECT_FALSE(pattern("wan*").matches(ValueKind::kText, "WAN1"));
    EXPECT_TRUE(pattern("1.?0").matches(ValueKind::kNumber, "1.50"));
    EXPECT_TRUE(pattern("*").matches(ValueKind::kBoolean, "false"));
    EXPECT_TRUE(pattern("a..b").matches(ValueKind::kText, "a..b"));
    EXPECT_TRUE(pattern("2026-01-0?T*").matches(ValueKind::kText, "2026-01-06T10:01:38Z"));
}

TEST(ValuePattern, SaysWhatItExpected) {
    EXPECT_NE(pattern_error("").find("must not be empty"), std::string::npos);
    EXPECT_NE(pattern_error("<= two").find("\"<= two\" wants a number after \"<=\""),
              std::string::npos);
    EXPECT_NE(pattern_error("!= wan*").find("not = { where = { ... } }"), std::string::npos);
    EXPECT_NE(pattern_error("<").find("wants a number after \"<\""), std::string::npos);
    EXPECT_NE(pattern_error("> 01").find("wants a number"), std::string::npos);
    for (const char* open : {"1..", "..3", "1..x", "1...3"}) {
        EXPECT_NE(pattern_error(open).find("a number on both sides"), std::string::npos) << open;
    }
    EXPECT_NE(pattern_error("3..1").find("the smaller number first"), std::string::npos);
}

TEST(Where, FollowsAPath) {
    constexpr std::string_view kJson =
        R"({"type":"x","data":{"interface":"wan1","sim":{"slot":2},"a.b":"dot","":"none"},"no":null})";
    EXPECT_TRUE(holds("data.interface", "wan*", kJson));
    EXPECT_TRUE(holds("data.sim.slot", "<= 2", kJson));
    EXPECT_TRUE(holds("data.\"sim\".slot", "2", kJson));
    EXPECT_TRUE(holds(R"(data."a.b")", "dot", kJson));
    EXPECT_TRUE(holds(R"(data."")", "none", kJson));
    for (const char* path : {"interface", "data", "data.sim", "data.interface.x", "data.slot",
                             "data.sim.slot.x", "no", "data.a.b", "absent"}) {
        EXPECT_FALSE(holds(path, "*", kJson)) << path;
    }
}

TEST(Where, ReadsKeysAndTextsWithoutTheirEscapes) {
    EXPECT_TRUE(holds(R"("a\"\\b")", "*", R"({"a\"\\b": 1})"));
    EXPECT_TRUE(holds("ä", "ö", R"({"\u00e4": "\u00f6"})"));
    EXPECT_TRUE(
        holds("k", "a\"b\\c/\b\f\n\r\t\x01\x1f", R"({"k": "a\"b\\c\/\b\f\n\r\t\u0001\u001f"})"));
    EXPECT_TRUE(holds("k", "??? x", R"({"k": "\ud800 x"})"));  // half a pair has three bytes
    EXPECT_TRUE(holds("k", "x", "\xEF\xBB\xBF{\"k\": \"x\"}"));
}

TEST(Where, MatchesAnyElementOfAnArray) {
    constexpr std::string_view kJson =
        R"({"links":[{"name":"lan"},{"name":"wan","up":[1,[2,[3]]]},[{"name":"deep"}],{"name":null}]})";
    for (const char* name : {"lan", "wan", "deep"}) {
        EXPECT_TRUE(holds("links.name", name, kJson)) << name;
    }
    EXPECT_FALSE(holds("links.name", "null", kJson));
    for (const char* number : {"1", "2", "3", "!= 3"}) {
        EXPECT_TRUE(holds("links.up", number, kJson)) << number;
    }
    EXPECT_FALSE(holds("links.up", "4", kJson));
    EXPECT_FALSE(holds("links", "*", kJson));
    EXPECT_FALSE(holds("name", "*", R"([{"name": "x"}])"));  // an alert is an object
}

TEST(Where, TheLastValueOfARepeatedKeyCounts) {
    EXPECT_TRUE(holds("k", "b", R"({"k": "a", "k": "b"})"));
    EXPECT_FALSE(holds("k", "a", R"({"k": "a", "k": "b"})"));
    EXPECT_FALSE(holds("k", "a", R"({"k": "a", "k": null})"));
    EXPECT_FALSE(holds("d.k", "a", R"({"d": {"k": "a"}, "d": {"j": 1}})"));
    EXPECT_FALSE(holds("d.k", "a", R"({"d": {"k": "a"}, "d": 1})"));
    EXPECT_FALSE(holds("d.k", "a", R"({"d": [{"k": "a"}, {"k": "b"}], "\u0064": []})"));
    EXPECT_TRUE(holds("d.k", "a", R"({"d": [{"k": "a"}, {"k": "b", "k": "c"}]})"));
    EXPECT_FALSE(holds("d.k", "b", R"({"d": [{"k": "a"}, {"k": "b", "k": "c"}]})"));
}

TEST(Where, SeveralConditionsMustAllHold) {
    Where both;
    EXPECT_TRUE(both.empty());
    EXPECT_TRUE(both.first_that_fails("{}").empty());
    ASSERT_TRUE(both.add("data.interface", {pattern("wan*"), pattern("sim*")}).ok());
    ASSERT_TRUE(both.add("priority", {pattern("<= 2")}).ok());
    ASSERT_TRUE(both.add("data.interface", {pattern("*1")}).ok());
    constexpr std::string_view kGood = R"({"priority": 1, "data": {"interface": "sim1"}})";
    constexpr std::string_view kBad = R"({"priority": 3, "data": {"interface": "wan1"}})";
    EXPECT_TRUE(both.all_hold(kGood));
    EXPECT_EQ(both.first_that_fails(kGood), "");
    EXPECT_EQ(both.first_that_holds(kGood), "data.interface");
    EXPECT_FALSE(both.all_hold(kBad));
    EXPECT_TRUE(both.any_holds(kBad));
    EXPECT_EQ(both.first_that_fails(kBad), "priority");
    EXPECT_EQ(both.holding("{}"), 0U);
    EXPECT_EQ(both.first_that_holds("{}"), "");
    for (const char* no_alert : {"", "[]", "3", "\"wan1\"", "{\"priority\": 1", "nonsense"}) {
        EXPECT_EQ(both.holding(no_alert), 0U) << no_alert;
    }
}

TEST(Where, RefusesPathsThatItCannotFollow) {
    for (const char* empty : {"", ".", "a.", ".a", "a..b"}) {
        EXPECT_NE(error_of(empty).find("has an empty key; wanted is a path"), std::string::npos)
            << empty;
    }
    EXPECT_NE(error_of("a.\"b").find("a quote that is not closed"), std::string::npos);
    EXPECT_NE(error_of("a.\"b\\").find("a quote that is not closed"), std::string::npos);
    EXPECT_NE(error_of("a.\"b\"c").find("a quote inside of a key"), std::string::npos);
    EXPECT_NE(error_of("a\"b").find("a quote inside of a key"), std::string::npos);
    Where one;
    EXPECT_FALSE(one.add("a", {}).ok());
    for (std::size_t i = 0; i < Where::kMaxPaths; ++i) {
        ASSERT_TRUE(one.add("k" + std::to_string(i), {pattern("*")}).ok());
    }
    EXPECT_FALSE(one.add("one.more", {pattern("*")}).ok());
    std::string json = "{";
    for (std::size_t i = 0; i < Where::kMaxPaths; ++i) json += "\"k" + std::to_string(i) + "\":1,";
    EXPECT_TRUE(one.all_hold(json + "\"x\":1}"));
    EXPECT_EQ(one.first_that_fails("{\"k0\":1}"), "k1");
}

TEST(Where, ReadsHostileTexts) {
    const std::string open(200'000, '[');
    const std::string close(200'000, ']');
    EXPECT_TRUE(holds("k", "x", "{\"k\":" + open + "\"x\"" + close + "}"));
    EXPECT_TRUE(holds("k", "x", "{\"a\":" + open + close + ",\"k\":\"x\"}"));
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += "{\"k\":";
    deep += "\"x\"" + std::string(200'000, '}');
    EXPECT_FALSE(holds("k.k", "*", deep));
    EXPECT_TRUE(holds("k", "= 1e400", "{\"k\":1" + std::string(400, '0') + "}"));
    std::string many = "{";
    for (int i = 0; i < 100'000; ++i) many += "\"k\":\"x\",";
    EXPECT_FALSE(holds("k", "x", many + "\"k\":\"y\"}"));
    EXPECT_FALSE(holds("k", "*a*a*a*a*a*a*a*b", "{\"k\":\"" + std::string(20'000, 'a') + "\"}"));
}

}  // namespace
