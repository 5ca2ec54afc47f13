#include "incm/inbox/activity.h"

#include "incm/base/histogram_bounds.h"

namespace incm::inbox {

PluginActivity::PluginActivity()
    : durations_us_(base::kCallTimesUs), latencies_ms_(base::kWaitTimesMs) {}

void PluginActivity::ended(Outcome outcome, std::int64_t duration_us,
                           std::int64_t latency_ms) noexcept {
    attempts_[static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
    durations_us_.observe(duration_us);
    if (outcome == Outcome::kDelivered) latencies_ms_.observe(latency_ms);
}

Activity::Activity(const std::vector<PluginOptions>& plugins)
    : commits_us_(base::kShortTimesUs), commit_alerts_(base::kBatchSizes) {
    for (const PluginOptions& plugin : plugins) plugins_.try_emplace(plugin.name);
}

void Activity::committed(std::int64_t duration_us, std::int64_t alerts) noexcept {
    commits_us_.observe(duration_us);
    if (alerts > 0) commit_alerts_.observe(alerts);
}

PluginActivity* Activity::of(const std::string& plugin) noexcept {
    const auto found = plugins_.find(plugin);
    return found == plugins_.end() ? nullptr : &found->second;
}

}  // namespace incm::inbox
