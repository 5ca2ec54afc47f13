#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"

namespace incm::inbox {

/// A change of one key of a plugin's state.
struct StateChange {
    std::string key;
    std::optional<std::string> value;  ///< empty: the key is deleted
};

/// A key with its value.
struct StateEntry {
    std::string key;
    std::string value;
};

/// Some of the keys of a plugin, in the order of their bytes. There may be more after `next`.
struct StatePage {
    std::vector<StateEntry> entries;
    std::optional<std::string> next;
};

/// Selects keys of a plugin.
struct StateQuery {
    std::string plugin;
    std::string prefix = {};
    std::string after = {};  ///< only keys after this one
};

/// The bounds of a page.
inline constexpr std::size_t kStatePageEntries = 256;
inline constexpr std::size_t kStatePageBytes = 1024 * 1024;

/// The size of a plugin's state.
struct StateTotals {
    std::string plugin;
    std::int64_t keys;
    std::int64_t bytes;  ///< of keys and values
};

/// The small texts that plugins keep between their calls, by plugin and key.
///
/// A question is answered with every change that settle() or write() has got before, also while it
/// is not on disk yet. The state of a plugin stays when the configuration no longer names it.
/// Errors:  kStoreFailed. kClosed.
/// Threads: any.
/// Source:  docs/inbox.md, The state of plugins.
class KeptState {
 public:
    KeptState() = default;
    KeptState(const KeptState&) = delete;
    KeptState& operator=(const KeptState&) = delete;
    virtual ~KeptState() = default;

    /// The value of a key; empty when there is none.
    [[nodiscard]] virtual base::Result<std::optional<std::string>> get(const std::string& plugin,
                                                                       const std::string& key) = 0;
    [[nodiscard]] virtual base::Result<StatePage> page(const StateQuery& query) = 0;
    /// How many keys a plugin has.
    [[nodiscard]] virtual base::Result<std::int64_t> count(const std::string& plugin) = 0;

    /// Make changes in one transaction, without a delivery.
    ///
    /// Blocks until they are durable. Returns how many of the keys were there before.
    /// Errors:  kBadConfig for a plugin that the inbox was never opened with.
    [[nodiscard]] virtual base::Result<std::int64_t> write(const std::string& plugin,
                                                           std::vector<StateChange> changes) = 0;
};

}  // namespace incm::inbox
