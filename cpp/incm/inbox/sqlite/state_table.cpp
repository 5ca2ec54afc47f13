#include "incm/inbox/sqlite/state_table.h"

#include <string_view>

namespace incm::inbox::sqlite {

StateTable::StateTable(Database& database)
    : database_(database),
      find_plugin_(database, "SELECT id FROM plugin WHERE name = ?1"),
      set_(database, "UPDATE plugin_state SET value = ?3 WHERE plugin_id = ?1 AND key = ?2"),
      insert_(database, "INSERT INTO plugin_state(plugin_id, key, value) VALUES (?1, ?2, ?3)"),
      remove_(database, "DELETE FROM plugin_state WHERE plugin_id = ?1 AND key = ?2") {}

std::int64_t StateTable::write(const PendingWrite& write) {
    std::int64_t plugin_id = 0;
    {
        Rows rows = find_plugin_.query(std::string_view(write.plugin()));
        if (!rows.next()) {
            return 0;
        }
        plugin_id = rows.integer(0);
    }
    std::int64_t there = 0;
    for (const StateChange& change : write.changes()) {
        std::uint64_t& made = made_[{write.plugin(), change.key}];
        if (made > write.number() || write.superseded(change.key)) {
            continue;
        }
        made = write.number();
        const std::string_view key = change.key;
        if (!change.value) {
            remove_.run(plugin_id, key);
            there += database_.changes();
            continue;
        }
        set_.run(plugin_id, key, std::string_view(*change.value));
        if (database_.changes() > 0) {
            ++there;
        } else {
            insert_.run(plugin_id, key, std::string_view(*change.value));
        }
    }
    return there;
}

}  // namespace incm::inbox::sqlite
