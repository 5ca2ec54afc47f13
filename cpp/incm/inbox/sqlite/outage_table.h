#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "incm/inbox/outages.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Read the outages of a plugin, in the order of their times. Errors: SqlError.
[[nodiscard]] std::vector<Outage> read_outages(Database& database, std::int64_t plugin_id);

/// Writes the outages of the plugins, as one part of a transaction (tables.h).
///
/// Errors:  settled() throws SqlError; call rolled_back() then.
/// Threads: the writer thread.
class OutageTable {
 public:
    explicit OutageTable(Database& database);

    /// As Outages::settled.
    void settled(std::int64_t plugin_id, Outcome outcome, std::int64_t now_ms);
    void committed() noexcept;
    void rolled_back() noexcept;

 private:
    /// Whether an outage lasts, as committed and in this transaction.
    struct Lasts {
        bool committed = false;
        bool now = false;
    };

    void begin(std::int64_t plugin_id, std::int64_t now_ms);

    std::unordered_map<std::int64_t, Lasts> lasts_;  ///< by the plugin's number
    Statement begin_, end_, count_, join_, remove_second_;
};

}  // namespace incm::inbox::sqlite
