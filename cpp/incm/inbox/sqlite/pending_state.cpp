#include "incm/inbox/sqlite/pending_state.h"

#include <algorithm>
#include <utility>

namespace incm::inbox::sqlite {

std::shared_ptr<PendingWrite> PendingState::add(std::string plugin,
                                                std::vector<StateChange> changes) {
    auto write = std::make_shared<PendingWrite>(*this, std::move(plugin), std::move(changes));
    show(*write);
    return write;
}

/// When this fails, the destructor of the write removes what was shown of it.
void PendingState::show(PendingWrite& write) {
    const std::lock_guard lock(mutex_);
    write.number_ = ++last_number_;
    Entries& entries = plugins_[write.plugin()];
    for (const StateChange& change : write.changes()) {
        entries[change.key].pending.push_back({write.number(), &change});
    }
}

void PendingState::remove(const PendingWrite& write) noexcept {
    const std::lock_guard lock(mutex_);
    const auto plugin = plugins_.find(write.plugin());
    if (plugin == plugins_.end()) {
        return;
    }
    Entries& entries = plugin->second;
    for (const StateChange& change : write.changes()) {
        const auto found = entries.find(change.key);
        if (found == entries.end()) {
            continue;
        }
        std::erase_if(found->second.pending,
                      [&](const Entry::Change& one) { return one.number == write.number(); });
        if (found->second.pending.empty()) {
            entries.erase(found);
        }
    }
    if (entries.empty()) {
        plugins_.erase(plugin);
    }
}

void PendingState::committed(const PendingWrite& write) noexcept {
    const std::lock_guard lock(mutex_);
    const auto plugin = plugins_.find(write.plugin());
    if (plugin == plugins_.end()) {
        return;
    }
    for (const StateChange& change : write.changes()) {
        const auto found = plugin->second.find(change.key);
        if (found != plugin->second.end()) {
            found->second.on_disk = std::max(found->second.on_disk, write.number());
        }
    }
}

bool PendingState::newer_on_disk(const PendingWrite& write, const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto plugin = plugins_.find(write.plugin());
    if (plugin == plugins_.end()) {
        return false;
    }
    const auto found = plugin->second.find(key);
    return found != plugin->second.end() && found->second.on_disk > write.number();
}

const StateChange* PendingState::latest(const Entry& entry) noexcept {
    const bool shown = !entry.pending.empty() && entry.pending.back().number > entry.on_disk;
    return shown ? entry.pending.back().change : nullptr;
}

std::optional<StateChange> PendingState::find(std::string_view plugin, std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto entries = plugins_.find(plugin);
    if (entries == plugins_.end()) {
        return std::nullopt;
    }
    const auto found = entries->second.find(key);
    if (found == entries->second.end()) {
        return std::nullopt;
    }
    const StateChange* change = latest(found->second);
    return change ? std::optional(*change) : std::nullopt;
}

std::vector<StateChange> PendingState::find_all(const StateQuery& query) {
    const std::lock_guard lock(mutex_);
    std::vector<StateChange> all;
    const auto entries = plugins_.find(query.plugin);
    if (entries == plugins_.end()) {
        return all;
    }
    for (auto one = entries->second.lower_bound(query.prefix);
         one != entries->second.end() && one->first.starts_with(query.prefix); ++one) {
        const StateChange* change = latest(one->second);
        if (change && one->first > query.after) {
            all.push_back(*change);
        }
    }
    return all;
}

}  // namespace incm::inbox::sqlite
