#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace incm::admin {

/// Why a plugin's own process ended without having been asked to, as in metrics: a call exceeded
/// its time-out, it used too much memory, or it ended by itself.
inline constexpr std::array<const char*, 3> kRestartReasons = {"timeout", "memory", "died"};

/// Numbers about a plugin, as Python reported them last.
struct PluginFigures {
    bool breaker_open = false;
    std::int64_t hanging_calls = 0;  ///< that have exceeded the time-out and still run
    std::array<std::int64_t, kRestartReasons.size()> restarts{};  ///< since the start, by reason
};

/// The status of a plugin.
struct PluginStatus {
    std::string plugin;
    std::string state;          ///< one of kPluginStates
    std::int64_t since_ms = 0;  ///< Unix time
    std::string reason;  ///< in words for a person, UTF-8; "" when there is nothing to report
    PluginFigures figures;
};

/// The states of a plugin; only the first one is normal.
///
/// starting: its set-up runs. setup-failed: the set-up failed, and is tried again after a pause.
/// failing: its breaker is open. unavailable: likewise, because its handler found the target
/// unavailable. hanging: all of its handlers have exceeded their time-out. rate-limited: it waits
/// because of its rate. replacing: its process ended, and the next one is not ready yet.
/// stalled: Python does not run.
inline constexpr const char* kPluginStates[] = {"ready",        "starting",    "setup-failed",
                                                "failing",      "unavailable", "hanging",
                                                "rate-limited", "replacing",   "stalled"};

/// A stall: Python does not run, because a plugin keeps the global interpreter lock.
struct Stall {
    std::int64_t since_ms = 0;         ///< Unix time
    std::int64_t since_steady_ms = 0;  ///< the same time by the steady clock
    std::string reason;                ///< which plugin holds the lock, as far as known
};

/// The status of each plugin, as Python reported it last, and whether Python runs at all.
///
/// Threads: any; no call waits for Python.
class PluginBoard {
 public:
    /// Record the state of a plugin. `since_ms` changes only when the state does.
    void set_state(const std::string& plugin, std::string state, std::string reason);

    /// Record the numbers about a plugin whose state is recorded.
    void set_figures(const std::string& plugin, const PluginFigures& figures);

    /// Forget the state of a plugin that is no longer configured.
    void forget(const std::string& plugin) {
        const std::lock_guard lock(mutex_);
        reported_.erase(plugin);
    }

    void stalled(Stall stall);
    void runs_again();
    /// Record that a plugin kept Python from running for so long.
    void note_held(const std::string& plugin, std::int64_t held_ms);

    /// Return the status of a plugin; nothing when none was recorded. While Python is stalled,
    /// every plugin is stalled.
    [[nodiscard]] std::optional<PluginStatus> status(const std::string& plugin) const;
    /// Return the status of all plugins, sorted by name.
    [[nodiscard]] std::vector<PluginStatus> all() const;
    [[nodiscard]] std::optional<Stall> stall() const;
    /// Return for how many milliseconds each plugin has kept Python from running since the start.
    [[nodiscard]] std::map<std::string, std::int64_t> held_ms() const;

 private:
    [[nodiscard]] PluginStatus seen(const PluginStatus& reported) const;

    mutable std::mutex mutex_;  // protects all below
    std::map<std::string, PluginStatus> reported_;
    std::map<std::string, std::int64_t> held_ms_;
    std::optional<Stall> stall_;
};

}  // namespace incm::admin
