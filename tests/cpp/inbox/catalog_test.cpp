#include "catalog_calls.h"

namespace incm::inbox::test {
namespace {

class InboxCatalogTest : public CatalogCalls<InboxTest> {};

TEST_P(InboxCatalogTest, PagesThroughAlertsInBothDirections) {
    open();
    append_range(1, 5);
    const AlertPage first = list({.limit = 2});
    ASSERT_EQ(first.alerts.size(), 2U);
    EXPECT_EQ(first.alerts[0].id, 1);
    EXPECT_EQ(first.alerts[0].endpoint, "/alerts");
    EXPECT_EQ(first.alerts[0].form, "raw");
    EXPECT_EQ(first.alerts[0].type, "test");
    EXPECT_EQ(first.alerts[0].device, "device-1");
    EXPECT_EQ(first.alerts[0].received_at_ms, kDay);
    EXPECT_EQ(first.alerts[0].text, "");
    EXPECT_EQ(first.next, 2);
    EXPECT_EQ(ids({.after = 2, .limit = 2}), (Ids{3, 4}));
    const AlertPage last = list({.after = 4, .with_text = true, .limit = 2});
    EXPECT_EQ(last.next, std::nullopt);
    EXPECT_EQ(last.alerts.at(0).text, "{\"number\": 5}");
    EXPECT_EQ(list({.limit = 5}).next, std::nullopt) << "there is none behind the last one";
    const AlertPage newest = list({.descending = true, .limit = 2});
    EXPECT_EQ(newest.alerts.at(0).id, 5);
    EXPECT_EQ(newest.next, 4);
    EXPECT_EQ(ids({.before = 4, .descending = true, .limit = 9}), (Ids{3, 2, 1}));
    EXPECT_EQ(ids({.after = 5}), Ids{});
    EXPECT_EQ(ids({.before = 1}), Ids{});
}

TEST_P(InboxCatalogTest, AnEmptyInboxHasAnswers) {
    open({});
    EXPECT_EQ(ids({}), Ids{});
    EXPECT_EQ(ids({.since_ms = 5, .until_ms = 9}), Ids{});
    EXPECT_FALSE(inbox_->catalog().alert(1).value());
    const auto statistics = inbox_->catalog().statistics();
    ASSERT_TRUE(statistics.ok());
    EXPECT_EQ(statistics.value().last_alert_id, 0);
    EXPECT_EQ(statistics.value().first_received_at_ms, std::nullopt);
    EXPECT_EQ(statistics.value().plugins.size(), 0U);
}

TEST_P(InboxCatalogTest, FiltersByTimeAndByWhatTheCallerWants) {
    open();
    for (std::uint64_t hour = 0; hour < 10; ++hour) {
        put(hour, hour % 2 ? "odd" : "even", clock_.wall_ms);
        clock_.pass(1000);
    }
    const std::int64_t start = clock_.wall_ms - 10'000;
    EXPECT_EQ(ids({.since_ms = start + 7000}), (Ids{8, 9, 10}));
    EXPECT_EQ(ids({.since_ms = start + 6999}), (Ids{8, 9, 10}));
    EXPECT_EQ(ids({.until_ms = start + 2000}), (Ids{1, 2}));
    EXPECT_EQ(ids({.since_ms = start + 4000, .until_ms = start + 6001}), (Ids{5, 6, 7}));
    EXPECT_EQ(ids({.since_ms = start + 100'000}), Ids{});
    const auto odd = [](const StoredAlert& one) { return one.type == "odd"; };
    EXPECT_EQ(ids({.since_ms = start + 4000, .wanted = odd}), (Ids{6, 8, 10}));
    EXPECT_EQ(ids({.descending = true, .limit = 2, .wanted = odd}), (Ids{10, 8}));
}

TEST_P(InboxCatalogTest, AListShowsTheStateOfEachAlert) {
    open({"a", "b"});
    put(1, "unwanted", clock_.wall_ms);
    for (std::uint64_t number = 2; number <= 5; ++number) {
        put(number, "wanted", clock_.wall_ms, {"a", "b"});
    }
    fetch();
    fetch(100, 0, "b");
    settle(2, Outcome::kDead);
    settle(3, Outcome::kDelivered);
    settle(3, Outcome::kDelivered, 0, "b");
    settle(5, Outcome::kDelivered);
    settle(5, Outcome::kDead, 0, "b");
    flush();
    const auto states = [this](const AlertQuery& query) {
        std::vector<std::string> found;
        for (const StoredAlert& one : list(query).alerts) found.push_back(one.state);
        return found;
    };
    using Texts = std::vector<std::string>;
    EXPECT_EQ(states({.before = 6}), (Texts{"", "dead", "delivered", "open", "dead"}));
    EXPECT_EQ(states({.plugin = "a"}), (Texts{"dead", "delivered", "open", "delivered"}));
    EXPECT_EQ(states({.state = DeliveryState::kOpen}), (Texts{"open", "open"}));
}

// The receiver started with a stale clock, and the clock was set right later.
TEST_P(InboxCatalogTest, AClockThatIsSetForwardHidesNothing) {
    open();
    const std::int64_t right_ms = clock_.wall_ms + 7LL * 24 * 3'600'000;
    put(1, "early", clock_.wall_ms);
    clock_.wall_ms = right_ms;
    put(2, "late", right_ms);
    put(3, "late", right_ms + 1);
    EXPECT_EQ(ids({.since_ms = right_ms}), (Ids{2, 3}));
    EXPECT_EQ(ids({.until_ms = right_ms}), (Ids{1}));
}

TEST_P(InboxCatalogTest, FiltersByPluginAndState) {
    open({"a", "b"});
    for (std::uint64_t number = 1; number <= 4; ++number) {
        put(number, "test", kDay,
            number == 4 ? std::vector<std::string>{"b"} : std::vector<std::string>{"a", "b"});
    }
    fetch();
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDead);
    settle(3, Outcome::kRetry, 1000);
    flush();
    EXPECT_EQ(ids({.plugin = "a"}), (Ids{1, 2, 3}));
    EXPECT_EQ(ids({.plugin = "a", .state = DeliveryState::kDelivered}), Ids{1});
    EXPECT_EQ(ids({.plugin = "a", .state = DeliveryState::kDead}), Ids{2});
    EXPECT_EQ(ids({.plugin = "a", .state = DeliveryState::kOpen}), Ids{3});
    EXPECT_EQ(ids({.plugin = "b", .state = DeliveryState::kOpen}), (Ids{1, 2, 3, 4}));
    EXPECT_EQ(ids({.state = DeliveryState::kDead}), Ids{2});
    EXPECT_EQ(ids({.state = DeliveryState::kDelivered}), Ids{1});
    EXPECT_EQ(ids({.plugin = "nobody"}), Ids{});
}

TEST_P(InboxCatalogTest, APageEndsAfterSoManyBytes) {
    open({});
    for (std::uint64_t number = 1; number <= 4; ++number) {
        NewAlert large = alert(number);
        large.text = "\"" + std::string(kMaxScannedBytes / 2, 'x') + "\"";
        append(std::move(large));
    }
    const auto last = [](const StoredAlert& one) { return one.id == 4; };
    const AlertPage page = list({.wanted = last, .wanted_reads_text = true});
    EXPECT_EQ(page.alerts.size(), 0U);
    EXPECT_EQ(page.next, 2);
    EXPECT_EQ(list({}).alerts.size(), 4U);
}

TEST_P(InboxCatalogTest, APageHasSoManyBytesOfTextsAndAtLeastOneAlert) {
    open({});
    const std::size_t sizes[] = {kMaxPageBytes / 2, kMaxPageBytes / 2, 3 * kMaxPageBytes, 10};
    for (std::uint64_t number = 1; number <= 4; ++number) {
        NewAlert large = alert(number);
        large.text = "\"" + std::string(sizes[number - 1], 'x') + "\"";
        append(std::move(large));
    }
    const auto page_after = [&](std::int64_t id) { return list({.after = id, .with_text = true}); };
    EXPECT_EQ(page_after(0).alerts.size(), 2U);
    EXPECT_EQ(page_after(0).next, 2);
    EXPECT_EQ(page_after(2).alerts.size(), 1U);
    EXPECT_EQ(page_after(2).next, 3);
    EXPECT_EQ(page_after(3).alerts.size(), 1U);
    EXPECT_EQ(page_after(3).next, std::nullopt);
    const auto all = [](const StoredAlert& one) { return !one.text.empty(); };
    const AlertPage read = list({.wanted = all, .wanted_reads_text = true});
    EXPECT_EQ(read.alerts.size(), 4U);
    EXPECT_EQ(read.alerts[2].text, "") << "texts are returned on request only";
}

TEST_P(InboxCatalogTest, ShowsTheWholeHistoryOfAnAlert) {
    open({"a", "b"});
    put(1, "reboot", kDay, {"a", "b"});
    fetch();
    settle(1, Outcome::kRetry, 5000, "a", "no route");
    flush();
    clock_.pass(2000);
    PluginHistory a = history(1, "a");
    EXPECT_EQ(a.state, PluginHistory::State::kOpen);
    EXPECT_EQ(a.attempts, 1);
    EXPECT_EQ(a.due_in_ms, 3000);
    EXPECT_EQ(a.error, "no route");
    EXPECT_EQ(a.fetched_at_ms, std::nullopt);
    ASSERT_EQ(a.ledger.size(), 1U);
    EXPECT_EQ(a.ledger[0].outcome, "retry");
    EXPECT_EQ(a.ledger[0].duration_ms, 7);
    clock_.pass(3000);
    fetch();
    a = history(1, "a");
    EXPECT_EQ(a.fetched_at_ms, clock_.wall_ms);
    settle(1, Outcome::kDelivered);
    flush();
    a = history(1, "a");
    EXPECT_EQ(a.state, PluginHistory::State::kDelivered);
    EXPECT_EQ(a.attempts, 2);
    EXPECT_EQ(a.fetched_at_ms, std::nullopt);
    EXPECT_EQ(a.ledger.size(), 2U);
    fetch(1, 0, "b");
    settle(1, Outcome::kDead, 0, "b", "never");
    flush();
    const PluginHistory b = history(1, "b");
    EXPECT_EQ(b.state, PluginHistory::State::kDead);
    EXPECT_EQ(b.error, "never");
    EXPECT_EQ(history(1).alert.text, "{\"number\": 1}");
    open({"a", "c"});
    EXPECT_EQ(history(1, "c").state, PluginHistory::State::kNever);
    EXPECT_EQ(history(1, "c").first_alert_id, 3) << "behind the alert and the flush";
}

TEST_P(InboxCatalogTest, ShowsTheTracebackOfTheLastAttemptThatHadOne) {
    open({"a", "b"});
    put(1, "reboot", kDay, {"a", "b"});
    const auto tracebacks = [&] {
        std::string found;
        for (const LedgerEntry& entry : history(1, "a").ledger) {
            found += std::to_string(entry.number) + ":" + entry.traceback + " ";
        }
        return found;
    };
    for (const char* text : {"first", "second", ""}) {
        fetch();
        fail(1, text);
        flush();
    }
    EXPECT_EQ(tracebacks(), "1: 2:second 3: ");
    fetch();
    fail(1, std::string(kMaxTraceback - 1, 'x') + "\xc3\xa4", Outcome::kDead);
    flush();
    EXPECT_TRUE(tracebacks() == "1: 2: 3: 4:" + std::string(kMaxTraceback - 1, 'x') + " ");
    EXPECT_TRUE(history(1, "b").ledger.empty());
}

TEST_P(InboxCatalogTest, ListsDeadLettersAndOrphanedDeliveries) {
    open({"a", "b"});
    for (std::uint64_t number = 1; number <= 3; ++number) {
        put(number, "test", kDay, {"a", "b"});
    }
    fetch();
    settle(1, Outcome::kDead, 0, "a", "one");
    settle(3, Outcome::kDead, 0, "a", "three");
    flush();
    const UndeliveredPage first = undelivered({.limit = 1});
    ASSERT_EQ(first.found.size(), 1U);
    EXPECT_EQ(first.found[0].plugin, "a");
    EXPECT_TRUE(first.found[0].dead);
    EXPECT_EQ(first.found[0].error, "one");
    EXPECT_EQ(first.found[0].alert.id, 1);
    EXPECT_EQ(first.found[0].alert.type, "test");
    EXPECT_EQ(first.found[0].failed_at_ms, clock_.wall_ms);
    ASSERT_TRUE(first.next);
    const UndeliveredPage second = undelivered({.after = *first.next, .limit = 9});
    ASSERT_EQ(second.found.size(), 1U);
    EXPECT_EQ(second.found[0].alert.id, 3);
    EXPECT_FALSE(second.next);
    const auto is_b = [](const std::string& plugin) { return plugin == "b"; };
    EXPECT_EQ(undelivered({.orphaned = is_b}).found.size(), 5U);
    const UndeliveredPage orphans = undelivered({.plugin = "b", .orphaned = is_b, .limit = 2});
    ASSERT_EQ(orphans.found.size(), 2U);
    EXPECT_FALSE(orphans.found[0].dead);
    EXPECT_EQ(orphans.found[0].failed_at_ms, std::nullopt);
    EXPECT_EQ(orphans.next->alert_id, 2);
}

TEST_P(InboxCatalogTest, CountsTheDeliveriesOfEachPlugin) {
    open({"a", "b"});
    put(1, "test", kDay, {"a", "b"});
    clock_.pass(4000);
    put(2, "test", kDay, {"a"});
    put(3, "test", kDay + 9, {"a"});
    fetch();
    settle(2, Outcome::kRetry, 1000);
    settle(3, Outcome::kDead);
    flush();
    const auto answer = inbox_->catalog().statistics();
    ASSERT_TRUE(answer.ok());
    const Statistics& statistics = answer.value();
    EXPECT_EQ(statistics.last_alert_id, 4);
    EXPECT_EQ(statistics.first_received_at_ms, kDay);
    ASSERT_EQ(statistics.plugins.size(), 2U);
    const PluginTotals& a = statistics.plugins[0];
    EXPECT_EQ(a.plugin, "a");
    EXPECT_EQ(a.open, 2);
    EXPECT_EQ(a.waiting, 1);
    EXPECT_EQ(a.dead, 1);
    EXPECT_EQ(a.oldest_open_ms, 4000);
    EXPECT_FALSE(a.more);
    EXPECT_EQ(statistics.plugins[1].open, 1);
}

TEST_P(InboxCatalogTest, IsClosedWithTheInbox) {
    open();
    Catalog& catalog = inbox_->catalog();
    append_range(1, 1);
    EXPECT_TRUE(catalog.alerts({}).ok());
    inbox_->close();
    EXPECT_EQ(catalog.alerts({}).error().code, base::ErrorCode::kClosed);
}

INCM_FOR_EVERY_INBOX(InboxCatalogTest);

}  // namespace
}  // namespace incm::inbox::test
