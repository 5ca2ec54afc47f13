#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/fetched_bytes.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

/// The queues of all plugins that an inbox has had since it was opened, by name. None is ever
/// removed, so a pointer to one stays valid.
///
/// Threads: any.
class DeliveryQueues {
 public:
    DeliveryQueues() = default;
    DeliveryQueues(const DeliveryQueues&) = delete;
    DeliveryQueues& operator=(const DeliveryQueues&) = delete;

    /// Add the queue of a plugin, configured, unless there is one. id: the plugin's number.
    DeliveryQueue& add(const PluginOptions& plugin, std::int64_t id, FetchedBytes& all);
    /// Return the queue of a plugin, configured or not; null for an unknown one.
    [[nodiscard]] DeliveryQueue* find(const std::string& plugin);
    /// Count these plugins and no others as configured.
    void keep(const std::vector<std::string>& names);
    [[nodiscard]] bool is_configured(const std::string& plugin);
    /// Return the numbers of the configured plugins.
    [[nodiscard]] std::vector<std::int64_t> configured_ids();
    void each(const std::function<void(DeliveryQueue&)>& visit);

 private:
    std::mutex mutex_;  // protects all below; the queues have locks of their own
    std::unordered_map<std::string, DeliveryQueue> queues_;
    std::unordered_set<std::string> configured_;
};

}  // namespace incm::inbox
