#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace incm::admin {

/// How a plugin does.
struct PluginStatus {
    std::string plugin;
    std::string state;          ///< one of kPluginStates
    std::int64_t since_ms = 0;  ///< Unix time
    std::string reason;         ///< for a person, in UTF-8; "" when there is nothing to say
};

/// What a plugin can be found doing; the first one is how it should be.
///
/// starting: its set-up runs. setup-failed: it is set up again after a pause. failing: its breaker
/// is open. hanging: all its handlers outlived their time-out. rate-limited: it waits for its rate.
/// replacing: its process ended, and another one is not ready yet. stalled: Python does not run.
inline constexpr const char* kPluginStates[] = {"ready",     "starting", "setup-failed",
                                                "failing",   "hanging",  "rate-limited",
                                                "replacing", "stalled"};

/// Python does not run: a plugin keeps the global interpreter lock.
struct Stall {
    std::int64_t since_ms = 0;         ///< Unix time
    std::int64_t since_steady_ms = 0;  ///< the same moment, monotonic
    std::string reason;                ///< who holds it, as far as one can tell
};

/// How each plugin does, as Python said last, and whether Python runs at all.
///
/// Threads: any; no call waits for Python.
class PluginBoard {
 public:
    /// Note how a plugin does; `since` stays when the state does.
    void tell(const std::string& plugin, std::string state, std::string reason);

    void stalled(Stall stall);
    void runs_again();
    /// Note that a plugin kept Python from running for so long.
    void note_held(const std::string& plugin, std::int64_t held_ms);

    /// Nothing when nobody told of that plugin. While Python is stalled so is every plugin.
    [[nodiscard]] std::optional<PluginStatus> status(const std::string& plugin) const;
    /// All of them, by name.
    [[nodiscard]] std::vector<PluginStatus> all() const;
    [[nodiscard]] std::optional<Stall> stall() const;
    /// Milliseconds for which each plugin kept Python from running, since the start.
    [[nodiscard]] std::map<std::string, std::int64_t> held_ms() const;

 private:
    [[nodiscard]] PluginStatus seen(const PluginStatus& told) const;

    mutable std::mutex mutex_;  // protects all below
    std::map<std::string, PluginStatus> told_;
    std::map<std::string, std::int64_t> held_ms_;
    std::optional<Stall> stall_;
};

}  // namespace incm::admin
