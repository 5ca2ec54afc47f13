#include "incm/inbox/activity.h"

#include <utility>

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
    for (const PluginOptions& plugin : plugins) {
        plugins_.try_emplace(plugin.name, std::make_shared<PluginActivity>());
    }
}

void Activity::committed(std::int64_t duration_us, std::int64_t alerts) noexcept {
    commits_us_.observe(duration_us);
    if (alerts > 0) commit_alerts_.observe(alerts);
}

std::shared_ptr<PluginActivity> Activity::of(const std::string& plugin) const {
    const std::lock_guard lock(mutex_);
    const auto found = plugins_.find(plugin);
    return found == plugins_.end() ? nullptr : found->second;
}

void Activity::keep(const std::vector<std::string>& plugins) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::shared_ptr<PluginActivity>> kept;
    for (const std::string& plugin : plugins) {
        const auto found = plugins_.find(plugin);
        kept.emplace(plugin,
                     found == plugins_.end() ? std::make_shared<PluginActivity>() : found->second);
    }
    plugins_ = std::move(kept);
}

std::map<std::string, std::shared_ptr<const PluginActivity>> Activity::plugins() const {
    const std::lock_guard lock(mutex_);
    return {plugins_.begin(), plugins_.end()};
}

}  // namespace incm::inbox
