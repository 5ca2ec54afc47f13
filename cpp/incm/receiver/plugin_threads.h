#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace incm::receiver {

/// A thread that runs a plugin's code now and then.
///
/// Threads: made by the thread itself; at() and leave() are for it, or for whoever knows what it
/// does.
class PluginThread {
 public:
    /// plugin: its name. step: what of it runs here, such as "on_alert".
    PluginThread(std::string plugin, std::string step);

    /// The plugin's code runs from now on, with the alert of this number; 0: with none.
    void enter(std::int64_t alert_id) noexcept {
        alert_id_.store(alert_id, std::memory_order_relaxed);
    }
    /// It does not run any more.
    void leave() noexcept { alert_id_.store(kOutside, std::memory_order_relaxed); }

 private:
    friend class PluginThreads;
    static constexpr std::int64_t kOutside = -1;

    const std::string plugin_;
    const std::string step_;
    const int thread_id_;
    std::atomic<std::int64_t> alert_id_{kOutside};
};

/// What a thread that is inside a plugin's code has used so far.
struct ThreadUse {
    std::string plugin;
    std::string step;
    std::int64_t alert_id = 0;  ///< 0: none
    int thread_id = 0;
    std::int64_t cpu_ms = -1;  ///< -1: the system does not say
    std::int64_t slices = 0;   ///< how often it was given a processor

    [[nodiscard]] std::string text() const;
};

/// All threads that run plugins' code, told without Python. Threads: any.
class PluginThreads {
 public:
    /// Let the calling thread be known until the last owner lets go of what is returned.
    [[nodiscard]] std::shared_ptr<PluginThread> join(std::string plugin, std::string step);

    /// Those that are inside a plugin's code now. Source: proc(5), /proc/PID/task/TID/schedstat.
    [[nodiscard]] std::vector<ThreadUse> inside() const;

 private:
    mutable std::mutex mutex_;  // protects threads_
    std::vector<std::weak_ptr<PluginThread>> threads_;
};

/// Of the threads that were inside the same call before and after: those that can hold the global
/// interpreter lock all the while. One that uses the processor does; else one that sleeps without
/// waking, for those that wait for the lock wake every few milliseconds to ask for it.
[[nodiscard]] std::vector<ThreadUse> holders(const std::vector<ThreadUse>& before,
                                             const std::vector<ThreadUse>& after,
                                             std::int64_t elapsed_ms);

}  // namespace incm::receiver
