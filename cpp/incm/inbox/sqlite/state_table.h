#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/pending_state.h"

namespace incm::inbox::sqlite {

/// Changes the rows of `plugin_state`, on the writing connection.
///
/// Errors:  SqlError, bad_alloc.
/// Threads: the writer thread.
class StateTable {
 public:
    explicit StateTable(Database& database);

    /// Forget the last transaction.
    void begin() noexcept {
        if (!made_.empty()) made_.clear();
    }
    /// Make changes, except of keys that a later change has reached already. Returns how many of
    /// the keys were there before.
    std::int64_t write(const PendingWrite& write);

 private:
    Database& database_;
    /// The numbers of the changes that this transaction has made, by plugin and key.
    std::map<std::pair<std::string, std::string>, std::uint64_t> made_;
    Statement find_plugin_, set_, insert_, remove_;
};

}  // namespace incm::inbox::sqlite
