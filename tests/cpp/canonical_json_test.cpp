#include <clocale>
#include <functional>

#include "golden.h"
#include <gtest/gtest.h>

#include "incm/json/canonical.h"

namespace {

using incm::base::ErrorCode;
using incm::json::canonical_json;
using incm::json::comparable_json;
using incm::json::kMaxDepth;

/// The canonical text, or the name of the error.
std::string canon(std::string_view text) {
    const auto result = canonical_json(text);
    if (result) {
        return result.value();
    }
    return result.error().code == ErrorCode::kNotJson           ? "<no JSON>"
           : result.error().code == ErrorCode::kNoCanonicalForm ? "<no form>"
                                                                : "<unexpected>";
}

std::string nested(std::size_t levels, std::string_view open, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) {
        text.append(open);
    }
    for (std::size_t i = 0; i < levels; ++i) {
        text.append(close);
    }
    return text;
}

TEST(CanonicalJson, GoldenVectors) {
    for (const auto& vector : golden::signature_vectors()) {
        SCOPED_TRACE(vector.name);
        const auto result = canonical_json(vector.body);
        ASSERT_EQ(result.ok(), vector.canonical.has_value());
        if (result) {
            EXPECT_EQ(result.value(), *vector.canonical);
            EXPECT_EQ(canon(result.value()), result.value()) << "not idempotent";
        }
    }
}

TEST(CanonicalJson, Structure) {
    EXPECT_EQ(canon("{}"), "{}");
    EXPECT_EQ(canon(" [ ] "), "[]");
    EXPECT_EQ(canon("\t{\"a\"\n:\r[1 ,2,{ }], \"b\":{\"c\":null}}\n"),
              R"({"a": [1, 2, {}], "b": {"c": null}})");
    EXPECT_EQ(canon("[true,false,null,NaN,Infinity,-Infinity]"),
              "[true, false, null, NaN, Infinity, -Infinity]");
}

TEST(CanonicalJson, BrokenSyntax) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "}",
                             "[",
                             "]",
                             "{]",
                             "[}",
                             "[1",
                             "[1,",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "{\"a\"",
                             "{\"a\":",
                             "{\"a\":1",
                             "{\"a\":1,",
                             "{\"a\":1,}",
                             "{,}",
                             "{1:2}",
                             "{\"a\" 1}",
                             "{a:1}",
                             "[1]]",
                             "{}{}",
                             "1 2",
                             "nul",
                             "nullx",
                             "True",
                             "nan",
                             "-NaN",
                             "- 1",
                             "-",
                             "--1",
                             "+1",
                             "01",
                             "-01",
                             ".5",
                             "1.",
                             "1.e5",
                             "1e",
                             "1e+",
                             "1e 5",
                             "0x1",
                             "1_0",
                             "Infinit",
                             "-Inf",
                             "\"",
                             "\"\\",
                             "\"\\\"",
                             "\"\\x\"",
                             "\"\\u\"",
                             "\"\\u12\"",
                             "\"\\u12g4\"",
                             "\"\\u+123\"",
                             "\"\\ud800\\u12\"",
                             "\"\n\"",
                             "\"\x1f\"",
                             "'a'",
                             "/**/1",
                             "1//",
                             "[1]\xff",
                             "\x0c[]",
                             "\xc2\xa0[]",
                             "\xef\xbb\xbf{}"}) {
        EXPECT_EQ(canon(text), "<no JSON>") << text;
    }
    EXPECT_EQ(canon(std::string_view("{}\0", 3)), "<no JSON>");
    EXPECT_EQ(canon(std::string_view("\"\0\"", 3)), "<no JSON>");
}

TEST(CanonicalJson, Utf8IsStrict) {
    for (const char* text :
         {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
          "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        const std::string quoted = '"' + std::string(text) + '"';
        EXPECT_EQ(canon(quoted), quoted);
    }
    for (const char* text : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0",
                             "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80",
                             "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf1\x80\x80",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff"}) {
        // At the front, and behind as many letters as the fast path takes at once.
        for (const char* before : {"", "abcdefg", "abcdefgh"}) {
            const std::string quoted = '"' + std::string(before) + text;
            EXPECT_EQ(canon(quoted + '"'), "<no JSON>") << quoted;
            EXPECT_EQ(canon(quoted), "<no JSON>") << quoted;
        }
    }
}

TEST(CanonicalJson, EveryPlaceOfASpecialByteInARun) {
    for (std::size_t place = 0; place < 24; ++place) {
        std::string run(24, 'x');
        run.replace(place, 1, "\\n");
        EXPECT_EQ(canon('"' + run + '"'), '"' + run + '"');
        run.replace(place, 2, "\xc3\xa9");
        EXPECT_EQ(canon('"' + run + '"'), '"' + run + '"');
        for (const char bad : {'\n', '\x1f', '\0', '\x80'}) {
            run.replace(place, 2, std::string{bad, 'y'});
            EXPECT_EQ(canon('"' + run + '"'), "<no JSON>") << place;
        }
    }
}

TEST(CanonicalJson, Escapes) {
    EXPECT_EQ(canon(R"("\"\\\/\b\f\n\r\t")"), R"("\"\\/\b\f\n\r\t")");
    EXPECT_EQ(canon(R"("\u0022\u005C\u002f\u0008\u000c\u000A\u000d\u0009")"),
              R"("\"\\/\b\f\n\r\t")");
    EXPECT_EQ(canon(R"("\u0000\u000b\u001F\u007f\u0020")"), "\"\\u0000\\u000b\\u001f\x7f \"");
    EXPECT_EQ(canon(R"("\u0080\u07ff\u0800\ufeff\uffff")"),
              "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbb\xbf\xef\xbf\xbf\"");
    EXPECT_EQ(canon(R"("\ud800\udc00\uDBFF\uDFFF")"), "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

TEST(CanonicalJson, LoneSurrogates) {
    for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\udc00\ud800")",
                             R"("\ud800\ud83d\ude00")", R"("\ud83dx")", R"("\ud83d\n")",
                             R"("\ud83d\u0041")", R"({"\ud800": 1})", R"(["\udfff", 1])"}) {
        EXPECT_EQ(canon(text), "<no form>") << text;
    }
    // What a later duplicate replaces is never printed, and these keys are no duplicates.
    EXPECT_EQ(canon(R"({"a": "\ud800", "a": 1})"), R"({"a": 1})");
    EXPECT_EQ(canon(R"({"a": {"\ud800": 0}, "b": 2, "a": 1})"), R"({"a": 1, "b": 2})");
    EXPECT_EQ(canon(R"({"a": 1, "a": "\ud800"})"), "<no form>");
    EXPECT_EQ(canon(R"({"\ufffd": 1, "\ud800": 2})"), "<no form>");
    EXPECT_EQ(canon(R"({"x": "\ud7ff\ud800", "x": "\ud7ff"})"), "{\"x\": \"\xed\x9f\xbf\"}");
}

TEST(CanonicalJson, Integers) {
    EXPECT_EQ(canon("-0"), "0");
    EXPECT_EQ(canon("[0,-1,18446744073709551617]"), "[0, -1, 18446744073709551617]");
    const std::string longest(4300, '7');
    EXPECT_EQ(canon(longest), longest);
    EXPECT_EQ(canon("-" + longest), "-" + longest);
    EXPECT_EQ(canon(longest + "7"), "<no form>");
    EXPECT_EQ(canon("-" + longest + "7"), "<no form>");
    EXPECT_EQ(canon(longest + "7.0"), "Infinity");
}

TEST(CanonicalJson, Floats) {
    const std::pair<const char*, const char*> cases[] = {
        {"0.0", "0.0"},
        {"-0.0", "-0.0"},
        {"-0e5", "-0.0"},
        {"0e999999999999999999999", "0.0"},
        {"1.0", "1.0"},
        {"100.00", "100.0"},
        {"0.1", "0.1"},
        {"1E5", "100000.0"},
        {"0.0001", "0.0001"},
        {"0.00012345", "0.00012345"},
        {"0.00001", "1e-05"},
        {"0.000012345", "1.2345e-05"},
        {"1e15", "1000000000000000.0"},
        {"1e16", "1e+16"},
        {"9999999999999998.0", "9999999999999998.0"},
        {"1234567890123456.7", "1234567890123456.8"},
        {"12345678901234567.0", "1.2345678901234568e+16"},
        {"1e100", "1e+100"},
        {"5e-324", "5e-324"},
        {"2.4703282292062327e-324", "0.0"},
        {"-2.4703282292062328e-324", "-5e-324"},
        {"2.2250738585072011e-308", "2.225073858507201e-308"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1.7976931348623159e308", "Infinity"},
        {"-1e400", "-Infinity"},
        {"1e-400", "0.0"},
        {"-1e-400", "-0.0"},
        {"1e99999999999999999999", "Infinity"},
        {"10e9223372036854775807", "Infinity"},
        {"0.01e-9223372036854775807", "0.0"},
        {"-1e-99999999999999999999", "-0.0"},
        {"9007199254740993.0", "9007199254740992.0"},
        {"5.684341886080802e-14", "5.684341886080802e-14"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(canon(text), expected) << text;
    }
}

TEST(CanonicalJson, VeryLongFloats) {
    const std::string zeros(100'000, '0');
    EXPECT_EQ(canon("1" + zeros + ".0"), "Infinity");
    EXPECT_EQ(canon("1" + zeros + "e-100000"), "1.0");
    EXPECT_EQ(canon("1" + zeros + "e-200000"), "0.0");
    EXPECT_EQ(canon("0." + zeros + "1"), "0.0");
    EXPECT_EQ(canon("0." + zeros + "1e100001"), "1.0");
    EXPECT_EQ(canon("-0." + zeros + "1e200000"), "-Infinity");
    EXPECT_EQ(canon("1." + zeros + "1"), "1.0");
    EXPECT_EQ(canon("1e" + zeros + "5"), "100000.0");
    // Just above the middle of two doubles, by a digit far behind the last that matters.
    EXPECT_EQ(canon("9007199254740993." + zeros + "1"), "9007199254740994.0");
    EXPECT_EQ(canon("9007199254740993." + zeros), "9007199254740992.0");
}

TEST(CanonicalJson, DuplicateKeys) {
    EXPECT_EQ(canon(R"({"a":1,"a":2})"), R"({"a": 2})");
    EXPECT_EQ(canon(R"({"a":1,"b":2,"a":3})"), R"({"a": 3, "b": 2})");
    EXPECT_EQ(canon(R"({"b":0,"a":1,"c":2,"a":3,"a":4,"c":5})"), R"({"b": 0, "a": 4, "c": 5})");
    EXPECT_EQ(canon(R"({"\u0061":1,"a":2})"), R"({"a": 2})");
    EXPECT_EQ(canon(R"({"/":1,"\/":2,"\u002f":3})"), R"({"/": 3})");
    EXPECT_EQ(canon(R"({"a\u0000b":1,"a\u0000c":2})"), R"({"a\u0000b": 1, "a\u0000c": 2})");
    EXPECT_EQ(canon(R"({"":1,"":2})"), R"({"": 2})");
    EXPECT_EQ(canon(R"([{"a":1},{"a":2}])"), R"([{"a": 1}, {"a": 2}])");
    EXPECT_EQ(canon(R"({"a":{"a":1}})"), R"({"a": {"a": 1}})");
}

TEST(CanonicalJson, DuplicateKeysWithinDuplicateKeys) {
    EXPECT_EQ(
        canon(R"({"a":{"x":1,"x":2},"b":[],"a":{"y":{"z":0,"z":1},"y":{"z":2,"w":3,"z":4}}})"),
        R"({"a": {"y": {"z": 4, "w": 3}}, "b": []})");
    EXPECT_EQ(canon(R"({"a":1,"b":{"c":1,"c":[{"d":1,"d":2}]},"a":{"e":5,"e":6},"f":7})"),
              R"({"a": {"e": 6}, "b": {"c": [{"d": 2}]}, "f": 7})");
}

TEST(CanonicalJson, ManyKeysFewTwice) {
    std::string text = "{";
    std::string expected = "{";
    for (int i = 0; i < 1000; ++i) {
        const std::string key = '"' + std::to_string(i) + '"';
        text += key + ":" + std::to_string(i) + ",";
        expected += (i == 0 ? "" : ", ") + key + ": " + std::to_string(i % 100 == 7 ? i + 5000 : i);
    }
    for (int i = 907; i >= 7; i -= 100) {
        text += '"' + std::to_string(i) + "\":" + std::to_string(i + 5000) + (i == 7 ? "}" : ",");
    }
    EXPECT_EQ(canon(text), expected + "}");
}

TEST(CanonicalJson, Depth) {
    EXPECT_EQ(canon(nested(kMaxDepth, "[", "]")), nested(kMaxDepth, "[", "]"));
    EXPECT_EQ(canon(nested(kMaxDepth + 1, "[", "]")), "<no form>");
    EXPECT_EQ(canon(nested(kMaxDepth / 2, "{\"a\":[", "]}")),
              nested(kMaxDepth / 2, "{\"a\": [", "]}"));
    EXPECT_EQ(canon(nested(kMaxDepth / 2, "{\"a\":[", "]}") + " "),
              nested(kMaxDepth / 2, "{\"a\": [", "]}"));
    EXPECT_EQ(canon("[" + nested(kMaxDepth, "[", "]") + ",1]"), "<no form>");
}

TEST(ComparableJson, IsOneTextForAllSpellingsOfWhatHasNoCanonicalForm) {
    const std::string deep = nested(5000, "[", "]");
    const std::string long_number(5000, '7');
    const std::pair<std::string, std::string> same[] = {
        {"\xEF\xBB\xBF{\"a\":1}", R"({"a": 1})"},
        {R"({"a":"\ud800"})", R"({ "\u0061" : "\uD800" })"},
        {"[" + deep + "]", "[ " + deep + "]"},
        {"[" + long_number + "]", "[" + long_number + " ]"},
        {R"({"b":"\udfff","b":"\ud801"})", R"({"b": "\ud801"})"},
    };
    for (const auto& [one, other] : same) {
        ASSERT_TRUE(comparable_json(one).ok()) << one.substr(0, 40);
        EXPECT_EQ(comparable_json(one).value(), comparable_json(other).value());
    }
    EXPECT_NE(comparable_json(R"("\ud800")").value(), comparable_json(R"("\ud801")").value());
    EXPECT_NE(comparable_json("[" + long_number + "]").value(),
              comparable_json("[" + long_number + "0]").value());
}

TEST(ComparableJson, IsTheCanonicalTextWhereThereIsOne) {
    for (const char* text : {R"({"a":[1.50,"\u00e9"],"a":{}})", "1e400", "[NaN, -0]"}) {
        EXPECT_EQ(comparable_json(text).value(), canon(text));
    }
    for (const char* text : {"", "[1,]", "\xEF\xBB\xBF", "\xEF\xBB\xBF\xEF\xBB\xBF{}"}) {
        EXPECT_FALSE(comparable_json(text).ok()) << text;
    }
}

TEST(CanonicalJson, BrokenSyntaxIsReportedBeforeAnyOtherRefusal) {
    for (const std::string& refused :
         {nested(1000, "[", "]"), std::string(5000, '1'), std::string(R"("\ud800")")}) {
        EXPECT_EQ(canon("[" + refused + "]"), "<no form>");
        EXPECT_EQ(canon("[" + refused + ",]"), "<no JSON>");
        EXPECT_EQ(canon(refused + "\xff"), "<no JSON>");
    }
}

// These finish only when no step is quadratic and nothing recurses.
TEST(CanonicalJson, HostileTextsFinish) {
    const auto members = [](std::size_t count, const std::function<std::string(std::size_t)>& key) {
        std::string text = "{";
        for (std::size_t i = 0; i < count; ++i) {
            text.append(i == 0 ? "\"" : ",\"").append(key(i)).append("\":0");
        }
        return text + "}";
    };
    const auto number = [](std::size_t i) { return std::to_string(i); };
    EXPECT_TRUE(canonical_json(members(100'000, number)).ok());
    EXPECT_EQ(canon(members(100'000, [](std::size_t) { return "same"; })), R"({"same": 0})");
    EXPECT_TRUE(
        canonical_json(members(100'000, [](std::size_t i) { return std::to_string(i / 2); })).ok());
    const std::string common(500, 'k');
    EXPECT_TRUE(
        canonical_json(members(5'000, [&](std::size_t i) { return common + number(i); })).ok());
    EXPECT_EQ(canon(nested(100'000, "[", "]")), "<no form>");
    EXPECT_EQ(canon(nested(100'000, "{\"\":[", "]}")), "<no form>");
    EXPECT_EQ(canon(std::string(100'000, '[')), "<no JSON>");
    EXPECT_EQ(canon(std::string(1'000'000, '9')), "<no form>");
    EXPECT_EQ(canon("0." + std::string(1'000'000, '9')), "1.0");
}

TEST(CanonicalJson, DuplicatesOnEveryLevelDoNotMultiply) {
    std::string text = '"' + std::string(1'000'000, 'x') + '"';
    std::string expected = text;
    for (std::size_t i = 0; i < kMaxDepth; ++i) {
        text.insert(0, "{\"a\":0,\"a\":").append("}");
        expected.insert(0, "{\"a\": ").append("}");
    }
    EXPECT_EQ(canon(text), expected);
}

TEST(CanonicalJson, DoesNotDependOnTheLocale) {
    const std::string before = std::setlocale(LC_ALL, nullptr);
    for (const char* locale : {"de_DE.UTF-8", "tr_TR.UTF-8", "C.UTF-8", "C"}) {
        std::setlocale(LC_ALL, locale);  // one that is not installed changes nothing
        EXPECT_EQ(canon("[1234567.5, 1e-7, \"\xc3\xa9I\"]"), "[1234567.5, 1e-07, \"\xc3\xa9I\"]");
    }
    std::setlocale(LC_ALL, before.c_str());
}

TEST(CanonicalJson, ErrorsQuoteNothingOfTheBody) {
    EXPECT_EQ(canonical_json("[1, topsecret]").error().text, "the text is not JSON near byte 4");
    EXPECT_EQ(canonical_json("\"\\ud800topsecret\"").error().text,
              "the text has no canonical form: a string has half a surrogate pair");
}

}  // namespace
