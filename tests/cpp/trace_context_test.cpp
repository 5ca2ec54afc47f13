#include "incm/ingest/trace_context.h"

#include <string>

#include <gtest/gtest.h>

namespace {

using incm::ingest::TraceContext;

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";
const std::string kSampled = "00-" + kTrace + "-" + kSpan + "-01";

TEST(TraceContext, IsReadAndWrittenInTheSameWords) {
    const auto parsed = TraceContext::parse(kSampled, "");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->trace_id, kTrace);
    EXPECT_EQ(parsed->span_id, kSpan);
    EXPECT_TRUE(parsed->sampled);
    EXPECT_EQ(parsed->text(), kSampled);
}

TEST(TraceContext, OnlyTheLowestFlagIsKept) {
    for (const auto& [flags, kept] : {std::pair{"00", "00"},
                                      {"01", "01"},
                                      {"02", "00"},
                                      {"03", "01"},
                                      {"fe", "00"},
                                      {"ff", "01"}}) {
        const auto parsed = TraceContext::parse("00-" + kTrace + "-" + kSpan + "-" + flags, "");
        ASSERT_TRUE(parsed) << flags;
        EXPECT_EQ(parsed->text(), "00-" + kTrace + "-" + kSpan + "-" + kept);
    }
}

TEST(TraceContext, OfALaterVersionTheKnownPartIsRead) {
    const std::string rest = kSampled.substr(2);
    for (const std::string& value :
         {"01" + rest, "cc" + rest, "cc" + rest + "-", "cc" + rest + "-what-the-future-will-be"}) {
        const auto parsed = TraceContext::parse(value, "");
        ASSERT_TRUE(parsed) << value;
        EXPECT_EQ(parsed->text(), kSampled);
    }
}

TEST(TraceContext, WhatTheStandardForbidsIsIgnored) {
    const std::string zeros(32, '0');
    const std::string rest = kSampled.substr(2);
    for (const std::string& value :
         {std::string(),
          std::string("00"),
          std::string(55, '-'),
          kSampled.substr(0, 54),
          kSampled + "-",
          kSampled + "-more",
          kSampled + ",",
          kSampled + "," + kSampled,
          kSampled + " ",
          " " + kSampled,
          "ff" + rest,
          "FF" + rest,
          "0g" + rest,
          "0" + rest,
          "000" + rest,
          "cc" + rest + ".what",
          "cc" + rest + "01",
          "00-" + zeros + "-" + kSpan + "-01",
          "00-" + kTrace + "-" + zeros.substr(16) + "-01",
          "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kSpan + "-01",
          "00-" + kTrace + "-00F067AA0BA902B7-01",
          "00-" + kTrace + "-" + kSpan + "-0A",
          "00-" + kTrace + "-" + kSpan + "-0x",
          "00_" + kTrace + "_" + kSpan + "_01",
          "00-" + kTrace.substr(1) + "-" + kSpan + "0-01",
          std::string("00-") + std::string(31, '1') + '\0' + "-" + kSpan + "-01"}) {
        EXPECT_FALSE(TraceContext::parse(value, "vendor=1")) << value;
    }
}

TEST(TraceContext, TheStateComesBehindABlank) {
    const auto parsed = TraceContext::parse(kSampled, "a=1,b=2 3");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->text(), kSampled + " a=1,b=2 3");
}

TEST(TraceContext, AStateThatIsLongOrNoTextIsLeftOut) {
    const std::string longest(TraceContext::kMaxState, 'x');
    EXPECT_EQ(TraceContext::parse(kSampled, longest)->state, longest);
    for (const std::string& state : {longest + "x", std::string("a=\tb"), std::string("a=\xe4"),
                                     std::string("a=\r\nX: y"), std::string("a\0b", 3)}) {
        EXPECT_EQ(TraceContext::parse(kSampled, state)->state, "") << state;
    }
}

}  // namespace
