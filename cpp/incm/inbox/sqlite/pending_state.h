#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "incm/inbox/kept_state.h"

namespace incm::inbox::sqlite {

class PendingWrite;

/// The changes of state that were asked for and are not on disk yet.
///
/// Changes are numbered in the order in which they were added: of two changes of a key the one with
/// the higher number counts, whichever the writer makes first.
/// Threads: any.
class PendingState {
 public:
    PendingState() = default;
    PendingState(const PendingState&) = delete;
    PendingState& operator=(const PendingState&) = delete;

    /// Show changes to all readers, until the last pointer to them ends.
    /// Errors:  bad_alloc.
    [[nodiscard]] std::shared_ptr<PendingWrite> add(std::string plugin,
                                                    std::vector<StateChange> changes);

    /// The pending change of a key; empty when there is none.
    [[nodiscard]] std::optional<StateChange> find(std::string_view plugin, std::string_view key);
    /// All pending changes of a plugin that a query selects, in the order of their keys.
    [[nodiscard]] std::vector<StateChange> find_all(const StateQuery& query);

 private:
    friend class PendingWrite;
    /// The changes of one key.
    struct Entry {
        struct Change {
            std::uint64_t number;
            const StateChange* change;
        };
        std::vector<Change> pending;  ///< in the order of their numbers
        std::uint64_t on_disk = 0;    ///< the highest number that was committed
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    void show(PendingWrite& write);
    void remove(const PendingWrite& write) noexcept;
    void committed(const PendingWrite& write) noexcept;
    [[nodiscard]] bool newer_on_disk(const PendingWrite& write, const std::string& key);
    [[nodiscard]] static const StateChange* latest(const Entry& entry) noexcept;

    std::mutex mutex_;  // protects everything below
    std::uint64_t last_number_ = 0;
    std::map<std::string, Entries, std::less<>> plugins_;
};

/// Changes of one plugin's state, which belong to one transaction.
class PendingWrite {
 public:
    /// Use PendingState::add().
    PendingWrite(PendingState& pending, std::string plugin, std::vector<StateChange> changes)
        : pending_(pending), plugin_(std::move(plugin)), changes_(std::move(changes)) {}
    PendingWrite(const PendingWrite&) = delete;
    PendingWrite& operator=(const PendingWrite&) = delete;
    ~PendingWrite() { pending_.remove(*this); }

    [[nodiscard]] const std::string& plugin() const noexcept { return plugin_; }
    [[nodiscard]] const std::vector<StateChange>& changes() const noexcept { return changes_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// Whether a later change of this key was committed already.
    [[nodiscard]] bool superseded(const std::string& key) const {
        return pending_.newer_on_disk(*this, key);
    }
    /// Note that the changes are on disk.
    void committed() noexcept { pending_.committed(*this); }

 private:
    friend class PendingState;
    PendingState& pending_;
    const std::string plugin_;
    const std::vector<StateChange> changes_;
    std::uint64_t number_ = 0;
};

}  // namespace incm::inbox::sqlite
