#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace incm::receiver {

/// A thread that runs the code of a plugin from time to time.
///
/// Threads: constructed by the thread itself; enter() and leave() are called by that thread, or by
///          one that knows what it does.
class PluginThread {
 public:
    /// plugin: its name. step: the part of it that runs in this thread, such as "on_alert".
    PluginThread(std::string plugin, std::string step);

    /// Note that the plugin's code runs from now on, with the alert of this number; 0: without an
    /// alert.
    void enter(std::int64_t alert_id) noexcept {
        alert_id_.store(alert_id, std::memory_order_relaxed);
    }
    /// Note that the plugin's code no longer runs.
    void leave() noexcept { alert_id_.store(kOutside, std::memory_order_relaxed); }

 private:
    friend class PluginThreads;
    static constexpr std::int64_t kOutside = -1;

    const std::string plugin_;
    const std::string step_;
    const int thread_id_;
    std::atomic<std::int64_t> alert_id_{kOutside};
};

/// What a thread inside a plugin's code has used so far.
struct ThreadUse {
    std::string plugin;
    std::string step;
    std::int64_t alert_id = 0;  ///< 0: none
    int thread_id = 0;
    std::int64_t cpu_ms = -1;  ///< -1: not known from the system
    std::int64_t slices = 0;   ///< how often it was given a processor since its start

    [[nodiscard]] std::string text() const;
};

/// All threads that run code of plugins, observed without Python. Threads: any.
class PluginThreads {
 public:
    /// Register the calling thread, until the last owner of the returned object releases it.
    [[nodiscard]] std::shared_ptr<PluginThread> join(std::string plugin, std::string step);

    /// Return the threads that are inside a plugin's code now. Source: proc(5),
    /// /proc/PID/task/TID/schedstat.
    [[nodiscard]] std::vector<ThreadUse> inside() const;

 private:
    mutable std::mutex mutex_;  // protects threads_
    std::vector<std::weak_ptr<PluginThread>> threads_;
};

/// Return the threads that can have held the global interpreter lock all the time between two
/// observations. Only threads that were inside the same call at both of them count. A thread that
/// used the processor is a candidate; if there is none, a thread that slept without waking, because
/// threads that wait for the lock wake every few milliseconds to ask for it.
[[nodiscard]] std::vector<ThreadUse> holders(const std::vector<ThreadUse>& before,
                                             const std::vector<ThreadUse>& after,
                                             std::int64_t elapsed_ms);

}  // namespace incm::receiver
