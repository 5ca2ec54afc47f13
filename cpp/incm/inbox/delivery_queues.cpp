#include "incm/inbox/delivery_queues.h"

namespace incm::inbox {

DeliveryQueue& DeliveryQueues::add(const PluginOptions& plugin, std::int64_t id,
                                   FetchedBytes& all) {
    const std::lock_guard lock(mutex_);
    configured_.insert(plugin.name);
    return queues_.try_emplace(plugin.name, plugin, id, all).first->second;
}

DeliveryQueue* DeliveryQueues::find(const std::string& plugin) {
    const std::lock_guard lock(mutex_);
    const auto found = queues_.find(plugin);
    return found == queues_.end() ? nullptr : &found->second;
}

void DeliveryQueues::keep(const std::vector<std::string>& names) {
    std::unordered_set<std::string> kept(names.begin(), names.end());
    const std::lock_guard lock(mutex_);
    configured_ = std::move(kept);
}

bool DeliveryQueues::is_configured(const std::string& plugin) {
    const std::lock_guard lock(mutex_);
    return configured_.contains(plugin);
}

std::vector<std::int64_t> DeliveryQueues::configured_ids() {
    std::vector<std::int64_t> ids;
    const std::lock_guard lock(mutex_);
    ids.reserve(configured_.size());
    for (const auto& [name, queue] : queues_) {
        if (configured_.contains(name)) ids.push_back(queue.id());
    }
    return ids;
}

void DeliveryQueues::each(const std::function<void(DeliveryQueue&)>& visit) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, queue] : queues_) visit(queue);
}

}  // namespace incm::inbox
