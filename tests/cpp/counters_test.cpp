#include "incm/ingest/counters.h"

#include <set>

#include <gtest/gtest.h>

#include "incm/inbox/activity.h"

namespace {

using incm::inbox::Activity;
using incm::inbox::Outcome;
using incm::ingest::counted_type;
using incm::ingest::Counters;
using incm::ingest::EndpointCounters;

TEST(CountersTest, EachKnownTypeIsCountedApartAndAllOthersTogether) {
    std::set<std::size_t> places;
    for (const auto& type : incm::model::alert_types()) places.insert(counted_type(type.name));
    const std::size_t known = incm::model::alert_types().size();
    EXPECT_EQ(places.size(), known);
    EXPECT_EQ(*places.rbegin(), known - 1);
    for (const char* other : {"", "no_such_type", "other", "Reboot", "reboot "}) {
        EXPECT_EQ(counted_type(other), known) << other;
    }
    EXPECT_LT(known, incm::ingest::kMostCountedTypes) << "enlarge it for the new types";
}

TEST(CountersTest, AnEndpointThatComesBackGoesOnCounting) {
    Counters counters;
    counters.set_endpoints({"/b", "/a"});
    EndpointCounters& first = counters.endpoint("/a");
    first.count_accepted(0, 1000);
    first.count_duplicate(2000);
    ASSERT_EQ(counters.endpoints().size(), 2);
    EXPECT_EQ(counters.endpoints()[0].first, "/b") << "the order of the configuration";
    counters.set_endpoints({"/b"});
    EXPECT_EQ(counters.endpoints().size(), 1);
    counters.set_endpoints({"/a"});
    const EndpointCounters& again = *counters.endpoints().front().second;
    EXPECT_EQ(again.accepted(0), 1);
    EXPECT_EQ(again.accepted(), 1);
    EXPECT_EQ(again.duplicates(), 1);
    EXPECT_EQ(again.last_alert_ms(), 2000);
}

TEST(CountersTest, AnEndpointIsSilentFromItsLastAlertOnAndOnlyWhileItIsWatched) {
    EndpointCounters endpoint;
    EXPECT_EQ(endpoint.silent_since_ms(1'000'000), std::nullopt) << "it is not watched";
    endpoint.watch_silence(5'000, 10'000);
    EXPECT_EQ(endpoint.silent_since_ms(14'999), std::nullopt);
    EXPECT_EQ(endpoint.silent_since_ms(15'000), 10'000);
    endpoint.watch_silence(6'000, 15'000);
    EXPECT_EQ(endpoint.silent_since_ms(16'000), 10'000) << "a reload begins no new watch";
    endpoint.count_duplicate(16'000);
    EXPECT_EQ(endpoint.silent_since_ms(21'999), std::nullopt) << "a repetition is a sign of life";
    EXPECT_EQ(endpoint.silent_since_ms(22'000), 16'000);
    endpoint.watch_silence(0, 22'000);
    EXPECT_EQ(endpoint.silent_since_ms(99'000), std::nullopt);
}

TEST(CountersTest, HealthChecksAreCountedApartByTheirAnswer) {
    Counters counters;
    for (const bool well : {true, false, true}) counters.count_health_check(well);
    EXPECT_EQ(counters.good_health_checks(), 2);
    EXPECT_EQ(counters.failed_health_checks(), 1);
    EXPECT_EQ(counters.health_checks(), 3);
}

TEST(CountersTest, AnAttemptIsCountedByItsOutcomeAndOnlyADeliveryHasALatency) {
    Activity activity({{.name = "pager"}, {.name = "mail"}});
    EXPECT_EQ(activity.of("other"), nullptr);
    ASSERT_NE(activity.of("pager"), nullptr);
    activity.of("pager")->ended(Outcome::kRetry, 1500, 0);
    activity.of("pager")->ended(Outcome::kDelivered, 500, 60'000);
    const auto pager = activity.plugins().at("pager");
    EXPECT_EQ(pager->attempts(0), 1);
    EXPECT_EQ(pager->attempts(1), 1);
    EXPECT_EQ(pager->durations_us().total(), 2);
    EXPECT_EQ(pager->durations_us().sum, 2000);
    EXPECT_EQ(pager->latencies_ms().total(), 1);
    EXPECT_EQ(pager->latencies_ms().sum, 60'000);
    EXPECT_EQ(activity.plugins().at("mail")->durations_us().total(), 0);
}

TEST(CountersTest, ACommitWithoutAlertsHasATimeAndNoSize) {
    Activity activity({});
    activity.committed(900, 3);
    activity.committed(400, 0);
    EXPECT_EQ(activity.commits_us().total(), 2);
    EXPECT_EQ(activity.commit_alerts().total(), 1);
    EXPECT_EQ(activity.commit_alerts().sum, 3);
}

}  // namespace
