#include "incm/receiver/request_spans.h"

#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace {

using incm::ingest::TraceContext;
using incm::receiver::RequestSpans;

std::optional<TraceContext> sent(bool sampled, const std::string& low = "a3ce929d0e0e4736") {
    return TraceContext{"4bf92f3577b34da6" + low, "00f067aa0ba902b7", sampled, "a=1"};
}

TEST(RequestSpans, ContinueTheTraceOfTheSender) {
    RequestSpans spans(true, 0);
    const auto context = spans.begin(sent(true));
    ASSERT_TRUE(context);
    EXPECT_EQ(context->trace_id, sent(true)->trace_id);
    EXPECT_NE(context->span_id, sent(true)->span_id);
    EXPECT_TRUE(context->sampled);
    EXPECT_EQ(context->state, "a=1");
    EXPECT_TRUE(TraceContext::parse(context->text().substr(0, 55), "")) << context->text();
}

TEST(RequestSpans, AreNotMadeForATraceThatTheSenderDoesNotRecord) {
    RequestSpans spans(true, 1);
    const auto context = spans.begin(sent(false));
    ASSERT_TRUE(context);
    EXPECT_EQ(context->text(), sent(false)->text()) << "it is passed on";
}

TEST(RequestSpans, BeginATraceOfTheirOwnWithoutASender) {
    RequestSpans spans(true, 1);
    std::set<std::string> ids;
    for (int i = 0; i < 1000; ++i) {
        const auto context = spans.begin(std::nullopt);
        ASSERT_TRUE(context);
        EXPECT_TRUE(TraceContext::parse(context->text(), "")) << context->text();
        ids.insert(context->trace_id);
        ids.insert(context->span_id);
    }
    EXPECT_EQ(ids.size(), 2000U);
}

TEST(RequestSpans, OfTracesWithoutASenderTheShareIsRecorded) {
    RequestSpans none(true, 0);
    EXPECT_FALSE(none.begin(std::nullopt));
    RequestSpans some(true, 0.25);
    int recorded = 0;
    for (int i = 0; i < 4000; ++i) recorded += some.begin(std::nullopt) ? 1 : 0;
    EXPECT_NEAR(recorded, 1000, 200);  // more than seven standard deviations
}

TEST(RequestSpans, WithoutTheSendersDecisionTheTracesNumberDecides) {
    RequestSpans spans(false, 0.5);
    EXPECT_TRUE(spans.begin(sent(false, "7fffffffffffffff"))->sampled);
    const auto not_recorded = spans.begin(sent(true, "8000000000000000"));
    EXPECT_FALSE(not_recorded->sampled) << "else deliveries would be recorded without it";
    EXPECT_EQ(not_recorded->span_id, sent(true)->span_id);
}

TEST(RequestSpans, AreDroppedAndCountedWhenNobodyTakesThem) {
    RequestSpans spans(true, 1);
    for (std::size_t i = 0; i < RequestSpans::kMostWaiting + 3; ++i) {
        spans.note({.alert_id = static_cast<std::int64_t>(i)});
    }
    const auto [kept, dropped] = spans.take();
    EXPECT_EQ(kept.size(), RequestSpans::kMostWaiting);
    EXPECT_EQ(kept.front().alert_id, 0);
    EXPECT_EQ(dropped, 3U);
    const auto [none, none_dropped] = spans.take();
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none_dropped, 0U);
}

}  // namespace
