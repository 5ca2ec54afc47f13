#include "incm/inbox/device_lanes.h"

#include <algorithm>

namespace incm::inbox {

bool DeviceLanes::admit_retry(const std::string& device, std::int64_t alert_id) {
    Entry& entry = *lanes_.try_emplace(device).first;
    Lane& lane = entry.second;
    if (lane.open.insert(alert_id).second) {
        open_[alert_id] = &entry;
        if (!lane.held.empty()) {
            ready_.erase(lane.held.front());
        }
    }
    if (lane.going || *lane.open.begin() != alert_id) {
        return false;
    }
    lane.going = alert_id;
    return true;
}

bool DeviceLanes::admit_fresh(const std::string& device, std::int64_t alert_id) {
    Entry& entry = *lanes_.try_emplace(device).first;
    Lane& lane = entry.second;
    if (!lane.open.empty() || !lane.held.empty()) {
        lane.held.push_back(alert_id);
        return false;
    }
    lane.open.insert(alert_id);
    lane.going = alert_id;
    open_[alert_id] = &entry;
    return true;
}

std::vector<std::int64_t> DeviceLanes::next(std::size_t limit) {
    std::vector<std::int64_t> alert_ids;
    while (alert_ids.size() < limit && !ready_.empty()) {
        const auto [alert_id, entry] = *ready_.begin();
        ready_.erase(ready_.begin());
        entry->second.held.pop_front();
        entry->second.open.insert(alert_id);
        entry->second.going = alert_id;
        open_[alert_id] = entry;
        alert_ids.push_back(alert_id);
    }
    return alert_ids;
}

void DeviceLanes::rest(std::int64_t alert_id) {
    const auto found = open_.find(alert_id);
    if (found != open_.end()) {
        rest(found->second->second, alert_id);
    }
}

void DeviceLanes::rest(Lane& lane, std::int64_t alert_id) {
    if (lane.going == alert_id) {
        lane.going.reset();
    }
}

void DeviceLanes::withdraw(std::int64_t alert_id) {
    const auto found = open_.find(alert_id);
    if (found == open_.end()) {
        return;
    }
    Entry& entry = *found->second;
    open_.erase(found);
    entry.second.open.erase(alert_id);
    rest(entry.second, alert_id);
    entry.second.held.push_front(alert_id);
    settle(entry);
}

bool DeviceLanes::leave(std::int64_t alert_id) {
    const auto found = open_.find(alert_id);
    if (found == open_.end()) {
        return false;
    }
    Entry& entry = *found->second;
    open_.erase(found);
    entry.second.open.erase(alert_id);
    rest(entry.second, alert_id);
    const bool waited = !entry.second.held.empty() || !entry.second.open.empty();
    settle(entry);
    return waited;
}

std::optional<std::int64_t> DeviceLanes::forget_held() {
    std::optional<std::int64_t> lowest;
    ready_.clear();
    for (auto& [device, lane] : lanes_) {
        if (!lane.held.empty()) {
            lowest = std::min(lowest.value_or(lane.held.front()), lane.held.front());
            lane.held.clear();
        }
    }
    std::erase_if(lanes_, [](const Entry& entry) { return entry.second.open.empty(); });
    return lowest;
}

/// After a delivery left: the next one may go, or the lane is of no use any more.
void DeviceLanes::settle(Entry& entry) {
    const Lane& lane = entry.second;
    if (!lane.open.empty()) {
        return;
    }
    if (lane.held.empty()) {
        lanes_.erase(entry.first);
    } else {
        ready_[lane.held.front()] = &entry;
    }
}

}  // namespace incm::inbox
