#include "incm/receiver/python_watch.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "incm/receiver/stop_guard.h"

namespace {

using incm::receiver::holders;
using incm::receiver::PythonWatch;
using incm::receiver::StopGuard;
using incm::receiver::ThreadUse;
using incm::receiver::WatchPace;

constexpr std::chrono::seconds kPatience{30};  // only a test that fails waits so long

/// Keeps log lines, and lets a test wait for one.
class WaitingSink final : public incm::base::LogSink {
 public:
    void write(incm::base::LogLevel, std::string_view text) noexcept override {
        const std::lock_guard lock(mutex_);
        lines_.append(text).append("\n");
        written_.notify_all();
    }
    bool wait_for(const std::string& words) {
        std::unique_lock lock(mutex_);
        return written_.wait_for(lock, kPatience,
                                 [&] { return lines_.find(words) != std::string::npos; });
    }
    std::string lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

 private:
    std::mutex mutex_;
    std::condition_variable written_;
    std::string lines_;
};

bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

/// A thread inside a plugin's code until it is let go: at work, or asleep.
class Inside {
 public:
    Inside(PythonWatch& watch, const std::string& plugin, std::int64_t alert_id, bool works) {
        std::promise<void> entered;
        thread_ = std::thread([this, &watch, &entered, plugin, alert_id, works] {
            const auto place = watch.threads().join(plugin, "on_alert");
            place->enter(alert_id);
            entered.set_value();
            if (!works) over_.wait(false);
            while (!over_) {
            }
        });
        entered.get_future().wait();
    }
    ~Inside() {
        over_ = true;
        over_.notify_all();
        thread_.join();
    }

 private:
    std::atomic<bool> over_{false};
    std::thread thread_;
};

constexpr WatchPace kQuick{
    .look_ms = 5, .long_ms = 50, .stalled_ms = 100, .log_interval_ms = 60'000};

ThreadUse use(const char* plugin, int thread, std::int64_t cpu_ms, std::int64_t slices) {
    return {.plugin = plugin,
            .step = "on_alert",
            .alert_id = 7,
            .thread_id = thread,
            .cpu_ms = cpu_ms,
            .slices = slices};
}

TEST(Holders, IsTheOneThatUsesTheProcessor) {
    const auto found =
        holders({use("busy", 1, 10, 5), use("waits", 2, 3, 40), use("asleep", 3, 1, 9)},
                {use("busy", 1, 900, 60), use("waits", 2, 5, 240), use("asleep", 3, 1, 9)}, 1000);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].text(), "plugin busy in on_alert with alert 7");
}

TEST(Holders, IsTheOneThatSleepsWhileTheOthersAskForTheLock) {
    const auto found = holders({use("waits", 2, 3, 40), use("asleep", 3, 1, 9)},
                               {use("waits", 2, 5, 240), use("asleep", 3, 1, 9)}, 1000);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].plugin, "asleep");
}

TEST(Holders, AreAllWhereTheSystemDoesNotSay) {
    const auto found = holders({use("one", 1, -1, 0), use("other", 2, -1, 0)},
                               {use("one", 1, -1, 0), use("other", 2, -1, 0)}, 1000);
    EXPECT_EQ(found.size(), 2U);
}

TEST(Holders, WereInTheSameCallAllTheWhile) {
    ThreadUse next = use("other", 1, 900, 60);
    next.alert_id = 8;
    EXPECT_TRUE(holders({use("other", 1, 10, 5)}, {next}, 1000).empty());
}

TEST(PythonWatchTest, NamesThePluginThatKeepsPythonFromRunning) {
    WaitingSink log;
    PythonWatch watch(log, kQuick);
    watch.board().set_state("regex", "ready", "");
    watch.board().set_state("quiet", "ready", "");
    watch.beat();
    {
        const Inside busy(watch, "regex", 12, true);
        const Inside idle(watch, "quiet", 13, false);
        ASSERT_TRUE(log.wait_for("plugin regex in on_alert with alert 12 blocks it"))
            << log.lines();
        ASSERT_TRUE(eventually([&] { return watch.board().stall().has_value(); }));
        EXPECT_EQ(watch.board().status("quiet")->state, "stalled");
        EXPECT_NE(watch.board().status("quiet")->reason.find("plugin regex"), std::string::npos);
    }
    watch.beat();
    ASSERT_TRUE(log.wait_for("Python runs again after"));
    ASSERT_TRUE(eventually([&] { return !watch.board().stall(); }));
    EXPECT_EQ(watch.board().status("quiet")->state, "ready");
    EXPECT_GE(watch.board().held_ms().at("regex"), kQuick.stalled_ms);
}

TEST(PythonWatchTest, ReportsALongHoldThatIsOver) {
    WaitingSink log;
    PythonWatch watch(
        log, {.look_ms = 5, .long_ms = 50, .stalled_ms = 3'600'000, .log_interval_ms = 60'000});
    const Inside busy(watch, "slow", 3, true);
    // The watch may be late itself: until it has looked often enough within one silence.
    ASSERT_TRUE(eventually([&] {
        watch.beat();
        return eventually([&] { return watch.silent_ms() > 200; }) &&
               log.lines().find(
                   "plugin slow in on_alert with alert 3 kept Python from running for") !=
                   std::string::npos;
    })) << log.lines();
    EXPECT_FALSE(watch.board().stall());
}

TEST(PythonWatchTest, ExpectsNothingBeforeTheFirstBeatAndAfterRest) {
    WaitingSink log;
    PythonWatch watch(log, kQuick);
    EXPECT_EQ(watch.silent_ms(), 0);
    watch.beat();
    watch.rest();
    EXPECT_EQ(watch.silent_ms(), 0);
    EXPECT_FALSE(watch.board().stall());
}

// The guard ends the process, so each case is a process of its own.
class StopGuardDeathTest : public ::testing::Test {
 protected:
    static void ask(const StopGuard& guard, int number) {
        const char byte = static_cast<char>(number);
        ASSERT_EQ(::write(guard.wakeup_descriptor(), &byte, 1), 1);
    }
    [[noreturn]] static void never() {
        for (;;) ::pause();
    }
};

TEST_F(StopGuardDeathTest, EndsAStopWhosePythonDoesNotRun) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto* const log = new incm::base::StderrSink;
            auto* const watch = new PythonWatch(*log);
            auto* const guard = new StopGuard(1500, *watch, *log);
            guard->loaded();
            watch->beat();
            ask(*guard, SIGTERM);
            never();
        },
        ::testing::ExitedWithCode(1), "ended by force: Python has not run for 1 s");
}

TEST_F(StopGuardDeathTest, EndsAtOnceWhenItIsAskedTwice) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto* const log = new incm::base::StderrSink;
            auto* const watch = new PythonWatch(*log);
            auto* const guard = new StopGuard(3'600'000, *watch, *log);
            guard->loaded();
            ask(*guard, SIGTERM);
            ask(*guard, SIGINT);
            never();
        },
        ::testing::ExitedWithCode(1), "");
}

TEST_F(StopGuardDeathTest, EndsAtOnceWhileItLoads) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto* const log = new incm::base::StderrSink;
            auto* const watch = new PythonWatch(*log);
            auto* const guard = new StopGuard(3'600'000, *watch, *log);
            ask(*guard, SIGTERM);
            never();
        },
        ::testing::ExitedWithCode(0), "");
}

TEST_F(StopGuardDeathTest, DoesNotTakeASignalOfAForkForItsOwn) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            auto* const log = new incm::base::StderrSink;
            auto* const watch = new PythonWatch(*log);
            auto* const guard = new StopGuard(3'600'000, *watch, *log);
            if (const pid_t child = ::fork(); child == 0) {
                ask(*guard, SIGTERM);
                ::_exit(0);
            } else {
                ::waitpid(child, nullptr, 0);
            }
            guard->loaded();
            ask(*guard, SIGHUP);  // behind the child's
            while (!guard->take_reload()) {
            }
            ::_exit(guard->stop_is_asked() ? 9 : 7);
        },
        ::testing::ExitedWithCode(7), "");
}

}  // namespace
