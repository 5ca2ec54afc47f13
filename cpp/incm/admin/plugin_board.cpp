#include "incm/admin/plugin_board.h"

#include <utility>

#include "incm/base/clock.h"

namespace incm::admin {

void PluginBoard::set_state(const std::string& plugin, std::string state, std::string reason) {
    const std::lock_guard lock(mutex_);
    PluginStatus& reported = reported_[plugin];
    if (reported.state != state) reported.since_ms = base::now().wall_ms;
    reported.plugin = plugin;
    reported.state = std::move(state);
    reported.reason = std::move(reason);
}

void PluginBoard::set_figures(const std::string& plugin, const PluginFigures& figures) {
    const std::lock_guard lock(mutex_);
    const auto found = reported_.find(plugin);
    if (found != reported_.end()) found->second.figures = figures;
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
    const auto found = reported_.find(plugin);
    if (found == reported_.end()) return std::nullopt;
    return seen(found->second);
}

std::vector<PluginStatus> PluginBoard::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<PluginStatus> every;
    every.reserve(reported_.size());
    for (const auto& [name, reported] : reported_) every.push_back(seen(reported));
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
PluginStatus PluginBoard::seen(const PluginStatus& reported) const {
    if (!stall_) return reported;
    return {reported.plugin, "stalled", stall_->since_ms, stall_->reason, reported.figures};
}

}  // namespace incm::admin
