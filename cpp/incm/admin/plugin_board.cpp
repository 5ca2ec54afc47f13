#include "incm/admin/plugin_board.h"

#include <utility>

#include "incm/base/clock.h"

namespace incm::admin {

void PluginBoard::tell(const std::string& plugin, std::string state, std::string reason) {
    const std::lock_guard lock(mutex_);
    PluginStatus& told = told_[plugin];
    if (told.state != state) told.since_ms = base::now().wall_ms;
    told.plugin = plugin;
    told.state = std::move(state);
    told.reason = std::move(reason);
}

void PluginBoard::stalled(Stall stall) {
    const std::lock_guard lock(mutex_);
    stall_ = std::move(stall);
}

void PluginBoard::runs_again() {
    const std::lock_guard lock(mutex_);
    stall_.reset();
}

void PluginBoard::note_held(const std::string& plugin, std::int64_t held_ms) {
    const std::lock_guard lock(mutex_);
    held_ms_[plugin] += held_ms;
}

std::optional<PluginStatus> PluginBoard::status(const std::string& plugin) const {
    const std::lock_guard lock(mutex_);
    const auto found = told_.find(plugin);
    if (found == told_.end()) return std::nullopt;
    return seen(found->second);
}

std::vector<PluginStatus> PluginBoard::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<PluginStatus> every;
    every.reserve(told_.size());
    for (const auto& [name, told] : told_) every.push_back(seen(told));
    return every;
}

std::optional<Stall> PluginBoard::stall() const {
    const std::lock_guard lock(mutex_);
    return stall_;
}

std::map<std::string, std::int64_t> PluginBoard::held_ms() const {
    const std::lock_guard lock(mutex_);
    return held_ms_;
}

/// The caller holds mutex_.
PluginStatus PluginBoard::seen(const PluginStatus& told) const {
    if (!stall_) return told;
    return {told.plugin, "stalled", stall_->since_ms, stall_->reason};
}

}  // namespace incm::admin
