#include <chrono>
#include <optional>

#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

constexpr std::chrono::seconds kLong(60);  // only a test that fails waits so long

/// What the reading thread that has it is to wait for, at a step of SQLite's machine.
struct Halt {
    std::promise<void> reached;
    std::shared_future<void> go_on;
};
thread_local Halt* halt = nullptr;

int halt_at_a_step(sqlite3* database, char** /*error*/, const sqlite3_api_routines* /*api*/) {
    sqlite3_progress_handler(
        database, 1,
        [](void*) {
            if (Halt* const here = std::exchange(halt, nullptr)) {
                here->reached.set_value();
                here->go_on.wait();
            }
            return 0;
        },
        nullptr);
    return SQLITE_OK;
}

class InboxTogetherTest : public SqliteInboxTest, public ::testing::WithParamInterface<bool> {
 protected:
    void SetUp() override {
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(halt_at_a_step));
        const bool by_device = GetParam();
        use(open_at(path(), {.plugins = {{"a", by_device}, {"b", by_device}}}));
    }
    /// Each of a device of its own.
    void arrive(std::uint64_t number, std::vector<std::string> plugins) {
        NewAlert made = alert(number, std::move(plugins));
        made.device = "device-" + std::to_string(number);
        append(std::move(made));
    }
    void TearDown() override {
        sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(halt_at_a_step));
    }
};

TEST_P(InboxTogetherTest, NoPluginWaitsForTheSelectionOfAnother) {
    arrive(1, {"a", "b"});
    arrive(2, {"b"});
    std::promise<void> release;
    Halt within{{}, release.get_future().share()};
    auto held = std::async(std::launch::async, [&] {
        halt = &within;
        return fetch_ids();
    });
    ASSERT_EQ(within.reached.get_future().wait_for(kLong), std::future_status::ready);
    auto other = std::async(std::launch::async, [&] {
        std::size_t fetched = 0;
        for (const Delivery& delivery : fetch(1, 0, "b")) {
            settle(delivery.alert_id, Outcome::kDelivered, 0, "b");
            ++fetched;
        }
        arrive(3, {"b"});
        return fetched + fetch(9, 0, "b").size();
    });
    EXPECT_EQ(other.wait_for(kLong), std::future_status::ready);
    release.set_value();
    EXPECT_EQ(held.get(), Ids{1});
    EXPECT_EQ(other.get(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Orders, InboxTogetherTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "ByDevice" : "NoOrder"; });

}  // namespace
}  // namespace incm::inbox::sqlite::test
