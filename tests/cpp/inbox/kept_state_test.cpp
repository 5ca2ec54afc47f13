#include "incm/inbox/kept_state.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inbox_fixture.h"

namespace incm::inbox::test {

namespace {

class KeptStateTest : public InboxTest {
 protected:
    KeptStateTest() { open(); }

    /// Store an alert, fetch it, and settle it with these changes. Returns its number.
    std::int64_t settle_with(std::vector<StateChange> changes,
                             Outcome outcome = Outcome::kDelivered) {
        append(alert(++last_, {"a"}));
        const std::int64_t id = fetch_ids().at(0);
        inbox_->settle({{id, "a", outcome, 60'000, 7, "why"}}, std::move(changes));
        return id;
    }
    std::optional<std::string> get(const std::string& key, const std::string& plugin = "a") {
        const auto got = inbox_->kept_state().get(plugin, key);
        EXPECT_TRUE(got.ok()) << got.error().text;
        return got.ok() ? got.value() : std::nullopt;
    }
    /// All keys with their values, page by page.
    std::map<std::string, std::string> all(const std::string& prefix = "") {
        std::map<std::string, std::string> entries;
        StateQuery query{.plugin = "a", .prefix = prefix};
        for (std::optional<std::string> next = ""; next;) {
            query.after = *next;
            const auto page = inbox_->kept_state().page(query);
            EXPECT_TRUE(page.ok()) << page.error().text;
            if (!page.ok()) break;
            for (const StateEntry& entry : page.value().entries) {
                EXPECT_TRUE(entries.emplace(entry.key, entry.value).second) << entry.key;
            }
            next = page.value().next;
        }
        return entries;
    }
    std::int64_t count(const std::string& plugin = "a") {
        const auto counted = inbox_->kept_state().count(plugin);
        EXPECT_TRUE(counted.ok()) << counted.error().text;
        return counted.ok() ? counted.value() : -1;
    }

 private:
    std::uint64_t last_ = 0;
};

using Entries = std::map<std::string, std::string>;

TEST_P(KeptStateTest, IsSeenAtOnceAndAfterTheNextOpen) {
    settle_with({{"k", "1"}});
    EXPECT_EQ(get("k"), "1");
    flush();
    EXPECT_EQ(get("k"), "1");
    close();
    open();
    EXPECT_EQ(get("k"), "1");
    EXPECT_EQ(all(), (Entries{{"k", "1"}}));
}

TEST_P(KeptStateTest, IsKeptWithEveryOutcome) {
    settle_with({{"delivered", "1"}}, Outcome::kDelivered);
    settle_with({{"retry", "2"}}, Outcome::kRetry);
    settle_with({{"dead", "3"}}, Outcome::kDead);
    close();
    open();
    EXPECT_EQ(all(), (Entries{{"dead", "3"}, {"delivered", "1"}, {"retry", "2"}}));
}

TEST_P(KeptStateTest, ChangesOfAKeyCountInTheOrderOfSettling) {
    settle_with({{"k", "1"}, {"gone", "x"}});
    settle_with({{"k", "2"}, {"gone", std::nullopt}});
    EXPECT_EQ(get("k"), "2");
    EXPECT_EQ(get("gone"), std::nullopt);
    EXPECT_EQ(count(), 1);
    flush();
    EXPECT_EQ(all(), (Entries{{"k", "2"}}));
    settle_with({{"k", std::nullopt}});
    EXPECT_EQ(count(), 0);
    flush();
    EXPECT_EQ(count(), 0);
}

TEST_P(KeptStateTest, AKeyThatIsNotThereMayBeDeleted) {
    settle_with({{"k", std::nullopt}});
    EXPECT_EQ(count(), 0);
    flush();
    EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(KeptStateTest, ASettlementOfADeliveryThatIsNotLeasedChangesNothing) {
    inbox_->settle({{77, "a", Outcome::kDelivered}}, {{"k", "1"}});
    flush();
    EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(KeptStateTest, OneChangeMayBelongToManySettlements) {
    append_range(101, 103);
    const Ids ids = fetch_ids();
    ASSERT_EQ(ids.size(), 3U);
    inbox_->settle({{ids[0], "a", Outcome::kDelivered},
                    {ids[1], "a", Outcome::kDead},
                    {ids[2], "a", Outcome::kDelivered}},
                   {{"k", "1"}});
    flush();
    EXPECT_EQ(get("k"), "1");
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(counts().open, 0);
}

TEST_P(KeptStateTest, EveryPluginHasItsOwn) {
    open({"a", "b"});
    ASSERT_TRUE(inbox_->kept_state().write("b", {{"k", "of b"}}).ok());
    settle_with({{"k", "of a"}});
    EXPECT_EQ(get("k", "a"), "of a");
    EXPECT_EQ(get("k", "b"), "of b");
    EXPECT_EQ(get("k", "c"), std::nullopt);
    EXPECT_EQ(count("c"), 0);
}

TEST_P(KeptStateTest, IsWrittenWithoutADeliveryToo) {
    const auto first = inbox_->kept_state().write("a", {{"k", "1"}, {"l", "2"}});
    ASSERT_TRUE(first.ok()) << first.error().text;
    EXPECT_EQ(first.value(), 0);
    const auto second = inbox_->kept_state().write("a", {{"k", std::nullopt}, {"m", std::nullopt}});
    ASSERT_TRUE(second.ok()) << second.error().text;
    EXPECT_EQ(second.value(), 1);
    EXPECT_EQ(all(), (Entries{{"l", "2"}}));
}

TEST_P(KeptStateTest, OnlyAKnownPluginHasOne) {
    const auto written = inbox_->kept_state().write("nobody", {{"k", "1"}});
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, base::ErrorCode::kBadConfig);
}

TEST_P(KeptStateTest, StaysWhenThePluginIsNoLongerConfigured) {
    settle_with({{"k", "1"}});
    close();
    open({"b"});
    EXPECT_EQ(get("k"), "1");
    const auto dropped = inbox_->kept_state().write("a", {{"k", std::nullopt}});
    ASSERT_TRUE(dropped.ok()) << dropped.error().text;
    EXPECT_EQ(dropped.value(), 1);
    EXPECT_EQ(get("k"), std::nullopt);
}

TEST_P(KeptStateTest, IsListedInPagesByPrefix) {
    std::vector<StateChange> changes;
    Entries expected;
    for (int i = 0; i < 600; ++i) {
        const std::string key = "p/" + std::to_string(1000 + i);
        changes.push_back({key, std::to_string(i)});
        expected[key] = std::to_string(i);
    }
    changes.push_back({"o", "before"});
    changes.push_back({"p0", "after"});
    changes.push_back({"\xC3\xBC", "last"});
    ASSERT_TRUE(inbox_->kept_state().write("a", changes).ok());
    settle_with(
        {{"p/1000", "new"}, {"p/1300", std::nullopt}, {"p/1300x", "between"}, {"p/9", "behind"}});
    expected["p/1000"] = "new";
    expected.erase("p/1300");
    expected["p/1300x"] = "between";
    expected["p/9"] = "behind";
    EXPECT_EQ(all("p/"), expected);
    EXPECT_EQ(all("p").size(), expected.size() + 1);
    EXPECT_EQ(all().size(), expected.size() + 3);
    EXPECT_EQ(count(), static_cast<std::int64_t>(expected.size()) + 3);
    EXPECT_EQ(all("q"), Entries());
    flush();
    EXPECT_EQ(all("p/"), expected);
}

TEST_P(KeptStateTest, APageIsBoundedByItsBytes) {
    const std::string big(60 * 1024, 'x');
    std::vector<StateChange> changes;
    for (int i = 0; i < 40; ++i) {
        changes.push_back({std::to_string(100 + i), big});
    }
    ASSERT_TRUE(inbox_->kept_state().write("a", changes).ok());
    const auto page = inbox_->kept_state().page({.plugin = "a"});
    ASSERT_TRUE(page.ok());
    EXPECT_LT(page.value().entries.size(), 20U);
    EXPECT_TRUE(page.value().next);
    EXPECT_EQ(all().size(), 40U);
}

TEST_P(KeptStateTest, TheCatalogKnowsTheSizes) {
    open({"b", "a"});
    ASSERT_TRUE(inbox_->kept_state().write("b", {{"k\xC3\xBC", "12"}, {"l", ""}}).ok());
    ASSERT_TRUE(inbox_->kept_state().write("a", {{"k", "\xE2\x82\xAC"}}).ok());
    const auto states = inbox_->catalog().states();
    ASSERT_TRUE(states.ok()) << states.error().text;
    ASSERT_EQ(states.value().size(), 2U);
    EXPECT_EQ(states.value()[0].plugin, "a");
    EXPECT_EQ(states.value()[0].keys, 1);
    EXPECT_EQ(states.value()[0].bytes, 4);
    EXPECT_EQ(states.value()[1].plugin, "b");
    EXPECT_EQ(states.value()[1].keys, 2);
    EXPECT_EQ(states.value()[1].bytes, 6);
    const auto page = inbox_->catalog().state({.plugin = "b"});
    ASSERT_TRUE(page.ok()) << page.error().text;
    ASSERT_EQ(page.value().entries.size(), 2U);
    EXPECT_EQ(page.value().entries[0].key, "k\xC3\xBC");
    EXPECT_EQ(page.value().entries[0].value, "12");
}

TEST_P(KeptStateTest, AClosedInboxAnswersNothing) {
    inbox_->close();
    EXPECT_FALSE(inbox_->kept_state().get("a", "k").ok());
    EXPECT_FALSE(inbox_->kept_state().page({.plugin = "a"}).ok());
    EXPECT_FALSE(inbox_->kept_state().count("a").ok());
    EXPECT_FALSE(inbox_->kept_state().write("a", {{"k", "1"}}).ok());
}

INCM_FOR_EVERY_INBOX(KeptStateTest);

}  // namespace

}  // namespace incm::inbox::test
