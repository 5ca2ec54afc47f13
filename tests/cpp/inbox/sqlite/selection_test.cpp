#include <map>
#include <random>
#include <set>

#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

/// What an inbox of one plugin must do, the simple way: all deliveries in a list.
class Oracle {
 public:
    enum class State { kFresh, kWaiting, kTaken, kDelivered, kDead };
    struct One {
        std::string device;
        State state = State::kFresh;
        std::int64_t due_at_ms = 0;
        std::int64_t attempts = 0;
    };

    explicit Oracle(bool by_device) : by_device_(by_device) {}

    std::map<std::int64_t, One> all;

    [[nodiscard]] bool is_open(const One& one) const {
        return one.state != State::kDelivered && one.state != State::kDead;
    }
    /// Whether a delivery may be fetched now: it is not fetched, it is due, and none of its device
    /// is under way or before it.
    [[nodiscard]] bool may_go(std::int64_t id, std::int64_t now_ms) const {
        const One& one = all.at(id);
        if (one.state != State::kFresh &&
            !(one.state == State::kWaiting && one.due_at_ms <= now_ms)) {
            return false;
        }
        if (!by_device_ || one.device.empty()) {
            return true;
        }
        return std::ranges::none_of(all, [&](const auto& entry) {
            const auto& [other_id, other] = entry;
            return other_id != id && other.device == one.device && is_open(other) &&
                   (other_id < id || other.state == State::kTaken);
        });
    }
    [[nodiscard]] std::size_t ready(std::int64_t now_ms) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            all, [&](const auto& entry) { return may_go(entry.first, now_ms); }));
    }

 private:
    const bool by_device_;
};

class InboxSelectionTest : public SqliteInboxTest, public ::testing::WithParamInterface<bool> {
 protected:
    using State = Oracle::State;

    void SetUp() override { reopen(); }
    void reopen() { GetParam() ? open_by_device() : open(); }
    [[nodiscard]] bool chance(unsigned percent) { return random_() % 100 < percent; }
    [[nodiscard]] Ids ids_of(State state) {
        Ids ids;
        for (const auto& [id, one] : oracle_.all) {
            if (one.state == state) ids.push_back(id);
        }
        return ids;
    }

    void arrive() {
        const std::string device = chance(10) ? "" : "device-" + std::to_string(random_() % 5);
        NewAlert made = alert(++number_, {"a"});
        made.device = device;
        oracle_.all[append(std::move(made)).id] = {.device = device};
    }
    void fetch_some() {
        const std::size_t limit = 1 + random_() % 6;
        const std::size_t ready = oracle_.ready(now_ms());
        const std::vector<Delivery> fetched = fetch(limit);
        ASSERT_EQ(fetched.size(), std::min(limit, ready));
        for (const Delivery& delivery : fetched) {
            Oracle::One& one = oracle_.all.at(delivery.alert_id);
            ASSERT_TRUE(oracle_.may_go(delivery.alert_id, now_ms())) << delivery.alert_id;
            ASSERT_EQ(delivery.attempt, one.attempts + 1);
            one.state = State::kTaken;
        }
    }
    void end_some() {
        for (const std::int64_t id : ids_of(State::kTaken)) {
            Oracle::One& one = oracle_.all.at(id);
            if (chance(50)) continue;
            if (chance(25)) {
                inbox_->give_back("a", {&id, 1});
                one.state = one.attempts == 0 ? State::kFresh : State::kWaiting;
                continue;
            }
            ++one.attempts;
            if (chance(40)) {
                const auto pause_ms = static_cast<std::int64_t>(random_() % 30);
                settle(id, Outcome::kRetry, pause_ms);
                one.state = State::kWaiting;
                one.due_at_ms = now_ms() + pause_ms;
            } else {
                const bool dies = chance(40);
                settle(id, dies ? Outcome::kDead : Outcome::kDelivered);
                one.state = dies ? State::kDead : State::kDelivered;
            }
        }
        ASSERT_TRUE(inbox_->quarantine().keep({}).ok());  // a commit after what was settled
    }
    /// A person makes some again, of which some are open.
    void ask_again() {
        std::vector<DeliveryName> names;
        std::int64_t changed = 0;
        const OperatorAction how = chance(50) ? OperatorAction::kRetry : OperatorAction::kRedeliver;
        for (auto& [id, one] : oracle_.all) {
            if (!chance(10)) continue;
            names.push_back({"a", id});
            if (one.state == State::kDead ||
                (how == OperatorAction::kRedeliver && one.state == State::kDelivered)) {
                one.state = State::kWaiting;
                one.due_at_ms = now_ms();
                ++changed;
            }
        }
        ASSERT_EQ(inbox_->change(how, std::move(names)).value(), changed);
    }
    /// What is under way counts as an attempt, as after a crash; it may have to wait.
    void restart() {
        reopen();
        expect_totals_in_rows();
        for (const std::int64_t id : ids_of(State::kTaken)) {
            Oracle::One& one = oracle_.all.at(id);
            ++one.attempts;
            one.state = State::kWaiting;
            const auto due = rows(
                path(), "SELECT due_at_ms FROM delivery WHERE alert_id = " + std::to_string(id));
            ASSERT_EQ(due.size(), 1U);
            one.due_at_ms = std::stoll(due.front());
        }
    }
    [[nodiscard]] std::int64_t now_ms() const { return clock_.wall_ms; }

    std::mt19937 random_{20261130};
    std::uint64_t number_ = 0;
    Oracle oracle_{GetParam()};
};

TEST_P(InboxSelectionTest, HandsOutWhatTheOracleSaysThroughAnyHistory) {
    for (int step = 0; step < 600; ++step) {
        if (chance(35)) arrive();
        if (chance(60)) {
            ASSERT_NO_FATAL_FAILURE(fetch_some()) << "step " << step;
        }
        if (chance(50)) {
            ASSERT_NO_FATAL_FAILURE(end_some());
        }
        if (chance(3)) {
            ASSERT_NO_FATAL_FAILURE(ask_again());
        }
        if (chance(1)) {
            ASSERT_NO_FATAL_FAILURE(restart());
        }
        clock_.pass(random_() % 4);
    }
    // Each is delivered in the end.
    for (int step = 0; step < 100'000 && counts().open > 0; ++step) {
        clock_.pass(1000);
        for (const Delivery& delivery : fetch()) {
            settle(delivery.alert_id, Outcome::kDelivered);
        }
        for (const std::int64_t id : ids_of(State::kTaken)) {
            settle(id, Outcome::kDelivered);
            oracle_.all.at(id).state = State::kDelivered;
        }
        ASSERT_TRUE(inbox_->quarantine().keep({}).ok());
    }
    EXPECT_EQ(counts().open, 0);
    expect_totals_in_rows();
    EXPECT_FALSE(log_.has("ignored"));
}

INSTANTIATE_TEST_SUITE_P(Orders, InboxSelectionTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "ByDevice" : "NoOrder"; });

/// Steps of SQLite's machine that this thread made.
thread_local std::int64_t steps = 0;

int count_steps(sqlite3* database, char** /*error*/, const sqlite3_api_routines* /*api*/) {
    sqlite3_progress_handler(
        database, 1,
        [](void*) {
            ++steps;
            return 0;
        },
        nullptr);
    return SQLITE_OK;
}

struct Backlog {
    const char* name;
    bool by_device;
    const char* attempts;  ///< SQL about n, the number of the alert
    const char* dead;
};

class InboxSelectionCostTest : public SqliteInboxTest,
                               public ::testing::WithParamInterface<Backlog> {
 protected:
    static constexpr int kRows = 20'000;
    static constexpr int kTurns = 60;
    static constexpr int kPassOfARow = 25;
    static constexpr int kTurnAtMost = 3000;

    void SetUp() override {
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(count_steps));
        reopen();
        close();
        const std::string all =
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
            " WHERE n < " +
            std::to_string(kRows) + ") ";
        run_sql(path(),
                all +
                    "INSERT INTO alert SELECT n, '/x', 1, 'raw', 't', 'd-' || (n % 10), x'00', 1"
                    ", NULL FROM c;" +
                    all + "INSERT INTO delivery SELECT 1, n, 1, " + GetParam().attempts + ", 0, " +
                    GetParam().dead + ", NULL, 0 FROM c;" +
                    "UPDATE meta SET value = " + std::to_string(kRows) +
                    " WHERE key = 'last_alert_id';"
                    "UPDATE meta SET value = (SELECT count(*) FROM delivery WHERE dead = 0)"
                    " WHERE key = 'open'");
        reopen();
    }
    void TearDown() override {
        sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(count_steps));
    }
    void reopen() { GetParam().by_device ? open_by_device() : open(); }
    /// One fetch, half of which is given back and half delivered; how many steps it took.
    std::int64_t turn() {
        steps = 0;
        const Ids fetched = fetch_ids(8);
        const std::int64_t made = steps;
        EXPECT_FALSE(fetched.empty());
        for (std::size_t i = 0; i < fetched.size(); ++i) {
            if (i % 2 == 0) {
                inbox_->give_back("a", {&fetched[i], 1});
            } else {
                settle(fetched[i], Outcome::kDelivered);
            }
        }
        flush();
        return made;
    }
};

TEST_P(InboxSelectionCostTest, AFetchCostsWhatItHandsOutWhateverWaits) {
    std::int64_t all = 0;
    for (int i = 0; i < kTurns; ++i) {
        all += turn();
    }
    // Each row is passed once; a turn that read them all would be as much again.
    EXPECT_LT(all, kPassOfARow * kRows + kTurns * kTurnAtMost);
}

TEST_P(InboxSelectionCostTest, AFetcherThatWaitsForRoomForARetryReadsNothingMeanwhile) {
    while (!inbox_->fetch("a", 1000, 0, 0).value().empty()) {
    }
    steps = 0;
    EXPECT_TRUE(inbox_->fetch("a", 8, 100, 0).value().empty());
    EXPECT_LT(steps, kTurnAtMost);
}

TEST_P(InboxSelectionCostTest, AnOpenReadsNothingOfWhatWaits) {
    close();
    steps = 0;
    reopen();
    EXPECT_LT(steps, kRows / 4);
}

INSTANTIATE_TEST_SUITE_P(
    Backlogs, InboxSelectionCostTest,
    ::testing::Values(Backlog{"Due", false, "1", "0"}, Backlog{"DueByDevice", true, "1", "0"},
                      Backlog{"Fresh", false, "0", "0"}, Backlog{"Held", true, "0", "0"},
                      Backlog{"Mixed", false, "n % 3 = 0", "0"},
                      Backlog{"MixedByDevice", true, "n % 3 = 0", "0"},
                      Backlog{"MostlyDead", false, "n % 3", "n % 100 < 98 OR n > 19000"},
                      Backlog{"MostlyDeadByDevice", true, "n % 3", "n % 100 < 98 OR n > 19000"}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace incm::inbox::sqlite::test
