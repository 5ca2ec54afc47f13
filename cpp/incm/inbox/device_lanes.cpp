#include "incm/inbox/device_lanes.h"

#include <algorithm>
#include <functional>

namespace incm::inbox {

namespace {

/// Numbers that are gone are cut off when they are this many, and half of all.
constexpr std::size_t kMaxGone = 64;

std::optional<std::int64_t> lowest(const DeviceLanes::Lane& lane) {
    std::optional<std::int64_t> alert_id;
    if (lane.first < lane.held.size()) {
        alert_id = lane.held[lane.first];
    }
    if (!lane.others.empty()) {
        alert_id = std::min(alert_id.value_or(lane.others.front()), lane.others.front());
    }
    return alert_id;
}

DeviceLanes::Place place_of(const Turn& turn) {
    return turn.attempts == 0 ? DeviceLanes::Place::kFresh : DeviceLanes::Place::kTimed;
}

std::pair<std::int64_t, std::int64_t> key_of(const Turn& turn) {
    return {turn.attempts == 0 ? 0 : turn.due_at_ms, turn.alert_id};
}

}  // namespace

void DeviceLanes::found(const std::string& device, const Turn& turn) {
    if (device.empty()) {
        queue(place_of(turn)).try_emplace(key_of(turn), nullptr);
        return;
    }
    Lane& lane = lane_of(device);
    put(lane, turn);
    arrange(lane, turn);
}

std::vector<DeviceLanes::Candidate> DeviceLanes::unknown(std::size_t limit) const {
    return first_of(Place::kUnknown, limit);
}

std::vector<DeviceLanes::Candidate> DeviceLanes::due(std::int64_t now_ms, std::size_t limit) const {
    std::vector<Candidate> due = first_of(Place::kTimed, limit);
    std::erase_if(due, [&](const Candidate& candidate) { return candidate.due_at_ms > now_ms; });
    return due;
}

std::int64_t DeviceLanes::next_due_ms() const {
    const Queue& timed = queues_[static_cast<std::size_t>(Place::kTimed)];
    return timed.empty() ? kNever : timed.begin()->first.first;
}

std::vector<DeviceLanes::Candidate> DeviceLanes::fresh(std::size_t limit) const {
    return first_of(Place::kFresh, limit);
}

std::size_t DeviceLanes::fresh_count() const noexcept {
    return queues_[static_cast<std::size_t>(Place::kFresh)].size();
}

void DeviceLanes::correct(const Candidate& candidate, const std::optional<Turn>& turn) {
    Lane* const lane = candidate.lane;
    if (lane) {
        if (!turn) {
            drop_first(*lane, candidate.alert_id);
        }
        lift(*lane);
        arrange(*lane, turn);
        return;
    }
    if (turn) {
        found({}, *turn);
    }
    const Key key{candidate.due_at_ms, candidate.alert_id};
    if (!turn || place_of(*turn) != candidate.place || key_of(*turn) != key) {
        queue(candidate.place).erase(key);
    }
}

void DeviceLanes::go(const Candidate& candidate) noexcept {
    Lane* const lane = candidate.lane;
    if (!lane) {
        queue(candidate.place).erase({candidate.due_at_ms, candidate.alert_id});
        return;
    }
    lift(*lane);
    drop_first(*lane, candidate.alert_id);
    lane->busy = true;
}

void DeviceLanes::over(Lane* lane) noexcept {
    if (lane) {
        lane->busy = false;
        arrange(*lane, std::nullopt);
    }
}

void DeviceLanes::back(Lane* lane, const Turn& turn) {
    if (!lane) {
        return found({}, turn);
    }
    put(*lane, {turn.alert_id, 1, 0});  // not after the held ones: it came before them
    lane->busy = false;
    arrange(*lane, turn);
}

DeviceLanes::Queue& DeviceLanes::queue(Place place) noexcept {
    return queues_[static_cast<std::size_t>(place)];
}

std::vector<DeviceLanes::Candidate> DeviceLanes::first_of(Place place, std::size_t limit) const {
    const Queue& queue = queues_[static_cast<std::size_t>(place)];
    std::vector<Candidate> first;
    for (auto it = queue.begin(); it != queue.end() && first.size() < limit; ++it) {
        first.push_back({place, it->first.first, it->first.second, it->second});
    }
    return first;
}

DeviceLanes::Lane& DeviceLanes::lane_of(const std::string& device) {
    const auto known = lanes_.find(device);
    if (known != lanes_.end()) {
        return known->second;
    }
    Queue node_source;  // source of the node for a place in a queue
    node_source.try_emplace({}, nullptr);
    const auto made = lanes_.try_emplace(device).first;
    Lane& lane = made->second;
    lane.device = &made->first;
    lane.node = node_source.extract(node_source.begin());
    lane.node.mapped() = &lane;
    return lane;
}

void DeviceLanes::put(Lane& lane, const Turn& turn) {
    if (turn.attempts == 0 && (lane.held.empty() || turn.alert_id > lane.held.back())) {
        lane.held.push_back(turn.alert_id);
    } else {
        lane.others.push_back(turn.alert_id);
        std::push_heap(lane.others.begin(), lane.others.end(), std::greater<>());
    }
    ++held_;
}

void DeviceLanes::drop_first(Lane& lane, std::int64_t alert_id) noexcept {
    while (lane.first < lane.held.size() && lane.held[lane.first] == alert_id) {
        ++lane.first;
        --held_;
    }
    while (!lane.others.empty() && lane.others.front() == alert_id) {
        std::pop_heap(lane.others.begin(), lane.others.end(), std::greater<>());
        lane.others.pop_back();
        --held_;
    }
    if (lane.first > kMaxGone && 2 * lane.first > lane.held.size()) {
        lane.held.erase(lane.held.begin(),
                        lane.held.begin() + static_cast<std::ptrdiff_t>(lane.first));
        lane.first = 0;
    }
}

/// Move a lane to the queue where its first delivery belongs; remove a lane that is empty.
void DeviceLanes::arrange(Lane& lane, const std::optional<Turn>& known) noexcept {
    const std::optional<std::int64_t> first = lowest(lane);
    const bool is_known = known && known->alert_id == first;
    if (lane.busy || (lane.placed && lane.key.second == first && !is_known)) {
        return;
    }
    lift(lane);
    if (!first) {
        lanes_.erase(*lane.device);
    } else if (is_known) {
        place(lane, place_of(*known), key_of(*known));
    } else if (lane.others.empty() || lane.others.front() > *first) {
        place(lane, Place::kFresh, {0, *first});
    } else {
        place(lane, Place::kUnknown, {0, *first});
    }
}

void DeviceLanes::place(Lane& lane, Place place, Key key) noexcept {
    lane.node.key() = key;
    queue(place).insert(std::move(lane.node));
    lane.placed = place;
    lane.key = key;
}

void DeviceLanes::lift(Lane& lane) noexcept {
    if (lane.placed) {
        lane.node = queue(*lane.placed).extract(lane.key);
        lane.placed.reset();
    }
}

}  // namespace incm::inbox
