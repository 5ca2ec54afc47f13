#include "incm/ingest/peer_limits.h"

#include <algorithm>

namespace incm::ingest {

namespace {

bool has_room(std::int64_t full_at_ms, std::int64_t now_ms, std::int64_t burst,
              std::int64_t interval_ms) {
    return full_at_ms - now_ms <= (burst - 1) * interval_ms;
}

}  // namespace

std::string source_of(const net::IpAddress& peer) {
    return peer.is_v4() ? peer.text() : peer.holder().text() + "/64";
}

bool PeerLimits::admit(const std::string& source, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    Source& one = find(source, now_ms);
    const std::int64_t full_at_ms = std::max(one.full_at_ms, now_ms);
    const std::int64_t all_full_at_ms = std::max(all_full_at_ms_, now_ms);
    if (!has_room(full_at_ms, now_ms, kBurst, kIntervalMs) ||
        !has_room(all_full_at_ms, now_ms, kBurstOfAll, kIntervalOfAllMs)) {
        return false;
    }
    one.full_at_ms = full_at_ms + kIntervalMs;
    all_full_at_ms_ = all_full_at_ms + kIntervalOfAllMs;
    return true;
}

PeerLimits::Source& PeerLimits::find(const std::string& name, std::int64_t now_ms) {
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) {
        recent_.splice(recent_.begin(), recent_, found->second);
        return recent_.front();
    }
    if (recent_.size() == kMaxSources) {
        by_name_.erase(recent_.back().name);
        recent_.pop_back();
    }
    recent_.push_front({name, now_ms});
    by_name_.emplace(recent_.front().name, recent_.begin());
    return recent_.front();
}

}  // namespace incm::ingest
