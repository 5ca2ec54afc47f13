#include <algorithm>
#include <mutex>
#include <set>

#include "memory_parts.h"

namespace incm::inbox::test {

base::Status MemoryInbox::MemoryPluginRoll::add(const std::vector<PluginOptions>& plugins) {
    const std::lock_guard lock(store_.mutex);
    std::set<std::string> names{""};
    for (const PluginOptions& plugin : plugins) {
        if (!names.insert(plugin.name).second) {
            return base::Error{base::ErrorCode::kBadConfig, "plugin names must be unique"};
        }
    }
    for (const PluginOptions& plugin : plugins) {
        if (!inbox_.find(plugin.name)) inbox_.add(plugin);
    }
    return base::success();
}

void MemoryInbox::MemoryPluginRoll::keep(const std::vector<std::string>& names) {
    const std::lock_guard lock(store_.mutex);
    for (auto& [name, queue] : inbox_.queues_) {
        queue.configured = std::ranges::find(names, name) != names.end();
    }
}

void MemoryInbox::MemoryPluginRoll::hurry(const std::string& plugin) {
    const std::lock_guard lock(store_.mutex);
    if (Queue* const queue = inbox_.find(plugin)) queue->hurries = true;
    store_.changed.notify_all();
}

base::Status MemoryInbox::MemoryPluginRoll::resume(const std::string& plugin, bool by_device) {
    const std::lock_guard lock(store_.mutex);
    Queue* const queue = inbox_.find(plugin);
    if (!queue || (queue->options.by_device != by_device && !queue->leased.empty())) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin, or its deliveries are leased"};
    }
    queue->options.by_device = by_device;
    queue->hurries = false;
    return base::success();
}

}  // namespace incm::inbox::test
