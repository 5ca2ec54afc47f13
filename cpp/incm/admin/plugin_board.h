#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace incm::admin {

/// The status of a plugin.
struct PluginStatus {
    std::string plugin;
    std::string state;          ///< one of kPluginStates
    std::int64_t since_ms = 0;  ///< Unix time
    std::string reason;  ///< in words for a person, UTF-8; "" when there is nothing to report
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
