#include "golden.h"
#include <gtest/gtest.h>

#include "incm/json/canonical.h"

namespace {

using incm::base::ErrorCode;
using incm::json::canonical_json;
using incm::json::readable_json;

using Problems = std::vector<std::string>;

const std::string kNoConstant = "NaN or an infinity was replaced by null";
const std::string kLargeNumber = "a number out of range was replaced by a string of its digits";
const std::string kSurrogate = "half a surrogate pair was replaced by U+FFFD";
const std::string kMark = "a byte order mark was removed";

void expect_readable(std::string_view text, const std::string& expected,
                     const Problems& expected_problems = {}) {
    Problems problems;
    const auto result = readable_json(text, problems);
    ASSERT_TRUE(result.ok()) << text;
    EXPECT_EQ(result.value(), expected);
    EXPECT_EQ(problems, expected_problems) << text;
}

TEST(ReadableJson, LeavesStrictTextsAsTheyAre) {
    expect_readable(R"({"a":[1,-0,1.50,1E5],"a":"x","b":{}})",
                    R"({"a": [1, -0, 1.50, 1E5], "a": "x", "b": {}})");
    expect_readable("[9223372036854775807, -9223372036854775808, 1e-400, 1.7976931348623157e308]",
                    "[9223372036854775807, -9223372036854775808, 1e-400, 1.7976931348623157e308]");
    expect_readable(R"("\ud83d\ude00\/\u0000")", "\"\xf0\x9f\x98\x80/\\u0000\"");
}

TEST(ReadableJson, Constants) {
    expect_readable("[NaN, Infinity, -Infinity]", "[null, null, null]", {kNoConstant});
}

TEST(ReadableJson, NumbersOutOfRange) {
    expect_readable("[9223372036854775808, -9223372036854775809, 1e400, -1E+309]",
                    R"(["9223372036854775808", "-9223372036854775809", "1e400", "-1E+309"])",
                    {kLargeNumber});
    const std::string digits(10'000, '3');
    expect_readable(digits, '"' + digits + '"', {kLargeNumber});
}

TEST(ReadableJson, LoneSurrogates) {
    expect_readable(R"({"\ud800": "a\udc00\ud83d\ude00\ud800b", "\ud7ff": 1})",
                    "{\"\xef\xbf\xbd\": \"a\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd"
                    "b\", \"\xed\x9f\xbf\": 1}",
                    {kSurrogate});
}

TEST(ReadableJson, ByteOrderMark) {
    expect_readable("\xef\xbb\xbf{}", "{}", {kMark});
    Problems problems;
    EXPECT_FALSE(readable_json("\xef\xbb\xbf\xef\xbb\xbf{}", problems).ok());
    EXPECT_FALSE(readable_json("\xef\xbb\xbf", problems).ok());
    EXPECT_FALSE(readable_json(" \xef\xbb\xbf{}", problems).ok());
    EXPECT_TRUE(problems.empty());
}

TEST(ReadableJson, AnyDepth) {
    const std::string text = std::string(100'000, '[') + std::string(100'000, ']');
    expect_readable(text, text);
}

TEST(ReadableJson, ProblemsAreAddedOncePerKindAndOnlyOnSuccess) {
    Problems problems{"an earlier one"};
    EXPECT_EQ(readable_json("[NaN, \"\\ud800\", 1e999", problems).error().code,
              ErrorCode::kNotJson);
    EXPECT_EQ(problems, Problems{"an earlier one"});
    EXPECT_TRUE(readable_json("\xef\xbb\xbf[NaN, \"\\ud800\\ud800\", 1e999, NaN]", problems).ok());
    EXPECT_EQ(problems, (Problems{"an earlier one", kMark, kNoConstant, kLargeNumber, kSurrogate}));
}

TEST(ReadableJson, RefusesExactlyWhatTheCanonicalTextCallsNoJson) {
    for (const auto& vector : golden::signature_vectors()) {
        SCOPED_TRACE(vector.name);
        const auto canonical = canonical_json(vector.body);
        const bool json = canonical.ok() || canonical.error().code != ErrorCode::kNotJson ||
                          vector.body.starts_with("\xef\xbb\xbf");
        Problems problems;
        const auto readable = readable_json(vector.body, problems);
        ASSERT_EQ(readable.ok(), json);
        if (readable) {
            Problems again;
            const auto second = readable_json(readable.value(), again);
            ASSERT_TRUE(second.ok());
            EXPECT_EQ(second.value(), readable.value());
            EXPECT_TRUE(again.empty());
        }
    }
}

TEST(ReadableJson, ErrorNamesThePlaceInTheOriginal) {
    Problems problems;
    EXPECT_EQ(readable_json("\xef\xbb\xbf[1, topsecret]", problems).error().text,
              "the text is not JSON near byte 7");
}

}  // namespace
