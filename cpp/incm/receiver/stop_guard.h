#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "incm/base/kept_from_children.h"
#include "incm/base/log.h"
#include "incm/receiver/python_watch.h"

namespace incm::receiver {

/// Turns signals into requests for a stop or a reload, and makes sure that a stop ends, whether
/// Python runs or not.
///
/// The interpreter's own handlers (in C, on any thread, without the GIL) write the number of each
/// signal into wakeup_descriptor(), and a thread reads them. SIGTERM and SIGINT request a stop,
/// SIGHUP a reload. Before loaded() a stop ends the process at once with status 0, because nothing
/// runs yet that needs a grace. After loaded(), a second stop ends the process at once with status
/// 1. So does the end of the grace: immediately when Python does not run, else kLastChanceMs later.
/// Everything acknowledged is on disk then. A signal that a fork of this process received does not
/// count.
/// Threads: any. It lives as long as the process.
class StopGuard {
 public:
    /// How much longer than the grace Python itself may take to end the process, when it runs.
    static constexpr std::int64_t kLastChanceMs = 5000;

    /// Errors: std::system_error when there is no descriptor.
    StopGuard(std::int64_t grace_ms, const PythonWatch& python, base::LogSink& log);
    StopGuard(const StopGuard&) = delete;
    StopGuard& operator=(const StopGuard&) = delete;
    ~StopGuard() = delete;

    /// Return the descriptor for signal.set_wakeup_fd(). It does not block, and is closed on exec.
    [[nodiscard]] int wakeup_descriptor() const noexcept { return written_; }

    /// Give every stop from now on its grace.
    void loaded() noexcept { loading_ = false; }
    /// Begin a stop that no signal requested: its grace counts from now.
    void stopping();

    /// Wait up to timeout_ms until a stop or a reload is requested. Returns whether a stop is
    /// requested.
    bool wait(std::int64_t timeout_ms);
    [[nodiscard]] bool stop_is_asked() const noexcept { return stops_ > 0; }
    /// Request a reload, as SIGHUP does.
    void ask_for_reload() {
        reload_ = true;
        {
            // So that wait() has not checked yet, or sleeps already.
            const std::lock_guard lock(mutex_);
        }
        asked_.notify_all();
    }
    /// Return whether a reload was requested since the last call.
    [[nodiscard]] bool take_reload() noexcept { return reload_.exchange(false); }

 private:
    void loop();
    void take_signals();
    void note(int number);
    [[nodiscard]] std::int64_t wait_ms() const;
    void end_if_due();

    const std::int64_t grace_ms_;
    const PythonWatch& python_;
    base::LogSink& log_;
    int read_ = -1;
    int written_ = -1;
    base::KeptFromChildren read_kept_;
    base::KeptFromChildren written_kept_;
    std::atomic<bool> loading_{true};
    std::atomic<int> stops_{0};
    std::atomic<bool> reload_{false};
    std::atomic<std::int64_t> grace_ends_ms_{0};  ///< steady; 0: no stop has begun

    std::mutex mutex_;
    std::condition_variable asked_;
    std::thread thread_;
};

}  // namespace incm::receiver
