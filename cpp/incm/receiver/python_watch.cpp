#include "incm/receiver/python_watch.h"

#include <chrono>
#include <string>
#include <utility>

#include "incm/base/background_thread.h"
#include "incm/base/clock.h"

namespace incm::receiver {

namespace {

// A check that is so late means that this process did not run.
constexpr std::int64_t kLateMs = 2000;

std::string seconds(std::int64_t ms) {
    const std::int64_t tenths = (ms + 50) / 100;
    std::string text = std::to_string(tenths / 10);
    if (tenths < 100) text.append(".").append(std::to_string(tenths % 10));
    return text + " s";
}

}  // namespace

PythonWatch::PythonWatch(base::LogSink& log, WatchPace pace) : log_(log), pace_(pace) {
    thread_ = base::start_without_signals("incm-python", [this] { loop(); });
}

PythonWatch::~PythonWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stop_asked_.notify_all();
    thread_.join();
}

void PythonWatch::beat() noexcept {
    seen_ms_.store(base::steady_ms(), std::memory_order_relaxed);
}

void PythonWatch::rest() noexcept {
    seen_ms_.store(0, std::memory_order_relaxed);
}

std::int64_t PythonWatch::silent_ms() const noexcept {
    const std::int64_t seen_ms = seen_ms_.load(std::memory_order_relaxed);
    return seen_ms == 0 ? 0 : base::steady_ms() - seen_ms;
}

void PythonWatch::loop() {
    std::unique_lock lock(mutex_);
    const std::chrono::milliseconds pause(pace_.look_ms);
    looked_ms_ = base::steady_ms();
    while (!stop_asked_.wait_for(lock, pause, [this] { return stopping_; })) {
        look(base::steady_ms());
    }
}

void PythonWatch::look(std::int64_t now_ms) {
    const std::int64_t pause_ms = now_ms - std::exchange(looked_ms_, now_ms);
    const std::int64_t seen_ms = seen_ms_.load(std::memory_order_relaxed);
    if (seen_ms != last_seen_ms_) note_beat(seen_ms);
    if (seen_ms == 0) return;
    if (pause_ms > kLateMs) silent_since_ms_ += pause_ms - pace_.look_ms;
    const std::int64_t silent_ms = now_ms - silent_since_ms_;
    if (silent_ms < 2 * pace_.look_ms || stalled_) return;
    if (before_at_ms_ == 0) {
        before_at_ms_ = now_ms;
        before_ = threads_.inside();
        return;
    }
    if (silent_ms < pace_.long_ms) return;
    const bool stalled = silent_ms >= pace_.stalled_ms;
    if (holders_.empty() || stalled) {
        holders_ = holders(before_, threads_.inside(), now_ms - before_at_ms_);
    }
    if (stalled) report_stalled(now_ms);
}

void PythonWatch::note_beat(std::int64_t seen_ms) {
    if (last_seen_ms_ != 0 && seen_ms != 0) report_over(seen_ms - silent_since_ms_);
    if (std::exchange(stalled_, false)) board_.runs_again();
    silent_since_ms_ = last_seen_ms_ = seen_ms;
    before_at_ms_ = 0;
    before_.clear();
    holders_.clear();
}

std::string PythonWatch::suspects() const {
    std::string names;
    for (const ThreadUse& one : holders_) names += (names.empty() ? "" : " or ") + one.text();
    return names;
}

void PythonWatch::report_stalled(std::int64_t now_ms) {
    stalled_ = true;
    const std::string names = suspects();
    const std::string reason =
        names.empty() ? "no handler is known to block it; a thread that a plugin started may"
                      : names + " blocks it";
    const base::Instant now = base::now();
    const std::int64_t silent_ms = now_ms - silent_since_ms_;
    board_.stalled({.since_ms = now.wall_ms - silent_ms,
                    .since_steady_ms = now.steady_ms - silent_ms,
                    .reason = reason});
    log_.write(
        base::LogLevel::kError,
        "Python has not run for " + seconds(silent_ms) + ": " + reason +
            ". Alerts are accepted and stored, but no plugin gets any until the interpreter's lock "
            "is released (a regular expression or a C call can keep it); with isolation = "
            "\"process\" it would block only that plugin");
}

void PythonWatch::report_over(std::int64_t held_ms) {
    for (const ThreadUse& one : holders_) board_.note_held(one.plugin, held_ms);
    if (stalled_) {
        log_.write(base::LogLevel::kWarning, "Python runs again after " + seconds(held_ms));
        return;
    }
    if (held_ms < pace_.long_ms || holders_.empty()) return;
    const std::int64_t now_ms = base::steady_ms();
    if (logged_at_ms_ != 0 && now_ms - logged_at_ms_ < pace_.log_interval_ms) {
        ++unlogged_;
        return;
    }
    std::string line = suspects() + " kept Python from running for " + seconds(held_ms) +
                       ", and every other plugin waited; isolation = \"process\" would spare them";
    if (unlogged_ > 0) line += " (and " + std::to_string(unlogged_) + " more times before)";
    log_.write(base::LogLevel::kWarning, line);
    logged_at_ms_ = now_ms;
    unlogged_ = 0;
}

}  // namespace incm::receiver
