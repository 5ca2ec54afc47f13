#include "incm/inbox/plugin_roll.h"

#include <future>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

class InboxPluginRollTest : public InboxTest {
 protected:
    void add(std::vector<PluginOptions> plugins) {
        const base::Status added = inbox_->plugins().add(plugins);
        EXPECT_TRUE(added.ok()) << added.error().text;
    }
    void resume(const std::string& plugin, bool by_device) {
        const base::Status resumed = inbox_->plugins().resume(plugin, by_device);
        EXPECT_TRUE(resumed.ok()) << resumed.error().text;
    }
    void arrive(std::uint64_t number, const std::string& device) {
        NewAlert made = alert(number, {"a"});
        made.device = device;
        append(std::move(made));
    }
};

TEST_P(InboxPluginRollTest, AnAddedPluginGetsDeliveries) {
    open();
    append_range(1, 2);
    const auto refused = inbox_->append(alert(3, {"b"}));
    EXPECT_EQ(refused.error().code, base::ErrorCode::kBadConfig);
    add({{"b"}, {"a"}});
    append(alert(4, {"a", "b"}));
    EXPECT_EQ(fetch(100, 0, "b").at(0).alert_id, 3);
    settle(3, Outcome::kDelivered, 0, "b");
    flush();
    const auto history = inbox_->catalog().alert(3);
    for (const PluginHistory& one : history.value()->plugins) {
        EXPECT_EQ(one.first_alert_id, one.plugin == "a" ? 1 : 3);
    }
    open({"a", "b"});
    EXPECT_TRUE(fetch(100, 0, "b").empty());
}

TEST_P(InboxPluginRollTest, WithAWrongNameNoneIsAdded) {
    open();
    EXPECT_EQ(inbox_->plugins().add({{"b"}, {"b"}}).error().code, base::ErrorCode::kBadConfig);
    EXPECT_EQ(inbox_->plugins().add({{"b"}, {""}}).error().code, base::ErrorCode::kBadConfig);
    EXPECT_FALSE(inbox_->append(alert(1, {"b"})).ok());
}

TEST_P(InboxPluginRollTest, APluginThatIsNoLongerConfiguredKeepsItsOpenDeliveries) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    ASSERT_EQ(fetch(1, 0, "b").size(), 1U);
    inbox_->plugins().keep({"a"});
    append(alert(2, {"b"}));  // its routes were chosen before
    EXPECT_FALSE(inbox_->change(OperatorAction::kDropOpen, {{"b", 1}}).ok()) << "it is under way";
    settle(1, Outcome::kDelivered, 0, "b");
    flush();
    EXPECT_EQ(counts().open, 2);
    const auto dropped = inbox_->change(OperatorAction::kDropOpen, {{"b", 2}});
    ASSERT_TRUE(dropped.ok()) << dropped.error().text;
    EXPECT_EQ(dropped.value(), 1);
    inbox_->plugins().keep({"a", "b"});
    EXPECT_FALSE(inbox_->change(OperatorAction::kDropOpen, {{"b", 1}}).ok());
    append(alert(3, {"b"}));
    EXPECT_EQ(fetch(100, 0, "b").at(0).alert_id, 4);
}

TEST_P(InboxPluginRollTest, WhoHurriesOnePluginWakesNoOther) {
    open({"a", "b"});
    auto waiting = std::async(std::launch::async, [&] { return fetch(1, 600'000, "a"); });
    auto other = std::async(std::launch::async, [&] { return fetch(1, 600'000, "b"); });
    inbox_->plugins().hurry("a");
    EXPECT_TRUE(waiting.get().empty());
    EXPECT_TRUE(fetch(1, 600'000, "a").empty());
    append(alert(1, {"b"}));
    EXPECT_EQ(other.get().size(), 1U);
    resume("a", false);
    auto again = std::async(std::launch::async, [&] { return fetch(1, 600'000, "a"); });
    append(alert(2, {"a"}));
    EXPECT_EQ(again.get().size(), 1U);
    EXPECT_FALSE(inbox_->plugins().resume("nobody", false).ok());
}

TEST_P(InboxPluginRollTest, TheOrderChangesWhenNothingIsUnderWay) {
    open();
    for (std::uint64_t number = 1; number <= 6; ++number) arrive(number, number % 2 ? "x" : "y");
    ASSERT_EQ(fetch_ids(3), (Ids{1, 2, 3}));
    EXPECT_FALSE(inbox_->plugins().resume("a", true).ok());
    settle(1, Outcome::kRetry, 1000);
    settle(2, Outcome::kDead);
    inbox_->give_back("a", std::vector<std::int64_t>{3});
    resume("a", true);
    EXPECT_EQ(fetch_ids(), Ids{4}) << "the retry holds its device back";
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    settle(4, Outcome::kDelivered);
    flush();
    ASSERT_TRUE(inbox_->change(OperatorAction::kRetry, {{"a", 2}}).ok());
    EXPECT_EQ(fetch_ids(), (Ids{2, 3}));
    settle(2, Outcome::kDelivered);
    settle(3, Outcome::kRetry);
    resume("a", false);
    EXPECT_EQ(fetch_ids(), (Ids{3, 5, 6}));
    for (const std::int64_t id : {3, 5, 6}) settle(id, Outcome::kDelivered);
    flush();
    EXPECT_EQ(counts().open, 0);
}

INCM_FOR_EVERY_INBOX(InboxPluginRollTest);

}  // namespace
}  // namespace incm::inbox::test
