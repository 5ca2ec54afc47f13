#include "incm/inbox/completion_waiters.h"

namespace incm::inbox {

CompletionWaiters::Watch::Watch(CompletionWaiters& watches, std::int64_t alert_id)
    : watches_(watches), alert_id_(alert_id) {
    const std::lock_guard lock(watches_.mutex_);
    watches_.watchers_.fetch_add(1);
    ++watches_.watched_[alert_id_].watchers;
}

CompletionWaiters::Watch::~Watch() {
    const std::lock_guard lock(watches_.mutex_);
    watches_.watchers_.fetch_sub(1);
    const auto found = watches_.watched_.find(alert_id_);
    if (--found->second.watchers == 0) {
        watches_.watched_.erase(found);
    }
}

std::uint64_t CompletionWaiters::Watch::version() const {
    const std::lock_guard lock(watches_.mutex_);
    return watches_.watched_.at(alert_id_).version;
}

bool CompletionWaiters::Watch::wait(std::uint64_t version,
                                    std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(watches_.mutex_);
    Watched& watched = watches_.watched_.at(alert_id_);
    watched.change.wait_until(lock, deadline,
                              [&] { return watches_.closed_ || watched.version != version; });
    return !watches_.closed_ && watched.version != version;
}

void CompletionWaiters::changed(std::int64_t alert_id) {
    if (watchers_.load() == 0) {
        return;
    }
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(alert_id);
    if (found != watched_.end()) {
        ++found->second.version;
        found->second.change.notify_all();
    }
}

void CompletionWaiters::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [alert_id, watched] : watched_) {
        watched.change.notify_all();
    }
}

}  // namespace incm::inbox
