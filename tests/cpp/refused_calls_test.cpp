#include "incm/admin/refused_calls.h"

#include <gtest/gtest.h>

namespace {

using incm::admin::RefusedCalls;
using Kind = RefusedCalls::Kind;

TEST(RefusedCalls, OneLineAMinuteSaysHowManyThereWere) {
    RefusedCalls calls;
    const std::string first = "refused a call of the admin API from a: no token";
    EXPECT_EQ(calls.line(Kind::kNoToken, "from a: no token", 1000), first);
    for (int i = 0; i < 41; ++i) {
        EXPECT_EQ(calls.line(Kind::kNoToken, "from b: no token", 1000 + i), "");
    }
    const std::int64_t later = 1000 + RefusedCalls::kQuietMs;
    EXPECT_EQ(calls.line(Kind::kNoToken, "from b: no token", later - 1), "");
    EXPECT_EQ(calls.line(Kind::kNoToken, "from a: no token", later),
              first + " (and 42 more like it before)");
    EXPECT_EQ(calls.line(Kind::kNoToken, "from a: no token", later + RefusedCalls::kQuietMs),
              first);
}

TEST(RefusedCalls, OneKindDoesNotHideAnother) {
    RefusedCalls calls;
    EXPECT_NE(calls.line(Kind::kNoToken, "x", 1), "");
    EXPECT_NE(calls.line(Kind::kWrongToken, "x", 1), "");
    EXPECT_NE(calls.line(Kind::kReadOnly, "x", 1), "");
    EXPECT_EQ(calls.line(Kind::kWrongToken, "x", 1), "");
}

}  // namespace
