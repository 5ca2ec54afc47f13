#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace incm::inbox {

inline constexpr std::int64_t kMaxCounted = 1'000'000;

/// The deliveries of one plugin.
struct PluginTotals {
    std::string plugin;
    std::int64_t open = 0;
    std::int64_t waiting = 0;  ///< open deliveries that have failed before
    std::int64_t dead = 0;
    std::optional<std::int64_t> oldest_open_ms;  ///< age, by the inbox clock
    bool more = false;                           ///< counting stopped at kMaxCounted
};

struct Statistics {
    std::int64_t last_alert_id = 0;
    std::optional<std::int64_t> first_received_at_ms;  ///< of the oldest stored alert
    std::optional<std::int64_t> last_received_at_ms;
    std::vector<PluginTotals> plugins;
    std::string path;
    std::int64_t file_bytes = 0;
    std::int64_t log_bytes = 0;
    std::int64_t free_bytes = 0;  ///< of the file system, for this user
};

}  // namespace incm::inbox
