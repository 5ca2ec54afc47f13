#include "incm/model/timestamp.h"

#include <cmath>

#include <gtest/gtest.h>

namespace {

using incm::model::read_iso_timestamp;
using incm::model::read_unix_timestamp;

constexpr std::int64_t kSampleUs = 1'736'157'698'000'000;  // 2025-01-06T10:01:38Z

TEST(IsoTimestamp, ReadsTheDocumentedForm) {
    const auto read = read_iso_timestamp("2025-01-06T10:01:38Z");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->value.us, kSampleUs);
    EXPECT_TRUE(read->had_zone);
}

TEST(IsoTimestamp, ReadsItsRelatives) {
    const struct {
        const char* text;
        std::int64_t offset_us;
    } cases[] = {
        {"2025-01-06t10:01:38z", 0},           {"2025-01-06 10:01:38Z", 0},
        {"2025-01-06T10:01:38.5Z", 500'000},   {"2025-01-06T10:01:38.1234569Z", 123'456},
        {"2025-01-06T18:01:38+08:00", 0},      {"2025-01-06T18:01:38+0800", 0},
        {"2025-01-06T18:01:38+08", 0},         {"2025-01-06T04:31:38-05:30", 0},
        {"2025-01-07T10:00:38+23:59", 0},      {"2025-01-06T10:01Z", -38'000'000},
        {"2025-01-06T10:00:60Z", -38'000'000},
    };
    for (const auto& [text, offset_us] : cases) {
        SCOPED_TRACE(text);
        const auto read = read_iso_timestamp(text);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->value.us, kSampleUs + offset_us);
        EXPECT_TRUE(read->had_zone);
    }
    ASSERT_TRUE(read_iso_timestamp("2025-01-06T10:01:38"));
    EXPECT_FALSE(read_iso_timestamp("2025-01-06T10:01:38")->had_zone);
    EXPECT_TRUE(read_iso_timestamp("2025-01-06"));
}

TEST(IsoTimestamp, RefusesEverythingElse) {
    for (const char* text :
         {"", "yesterday", "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2025-01-06T24:00:00Z",
          "2025-01-06T10:60:00Z", "2025-01-06T10:01:61Z", "2025-01-06T10:01:38Zx", "2025-1-6",
          "0000-01-01T00:00:00Z", "2025-01-06T10:01:38.Z", "2025-01-06T10:01:38+8",
          "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "-025-01-06",
          "2025-01-06T10:01:38+24:00", "2025-01-06T10:01:38-9900", "2025-01-06T10:01:38+10:60"}) {
        EXPECT_FALSE(read_iso_timestamp(text)) << text;
    }
}

TEST(UnixTimestamp, ItsUnitFollowsFromItsSize) {
    EXPECT_EQ(read_unix_timestamp(1'736'157'698)->us, kSampleUs);
    EXPECT_EQ(read_unix_timestamp(1'736'157'698'000)->us, kSampleUs);
    EXPECT_EQ(read_unix_timestamp(0)->us, 0);
    EXPECT_FALSE(read_unix_timestamp(-1));
    EXPECT_FALSE(read_unix_timestamp(1e300));
    EXPECT_FALSE(read_unix_timestamp(std::nan("")));
}

}  // namespace
