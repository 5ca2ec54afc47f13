#include "incm/inbox/sqlite/outage_table.h"

#include <string>

namespace incm::inbox::sqlite {

namespace {

// The second oldest row of a plugin.
constexpr const char* kSecond =
    "FROM outage WHERE plugin_id = ?1 ORDER BY began_at_ms LIMIT 1 OFFSET 1)";

}  // namespace

std::vector<Outage> read_outages(Database& database, std::int64_t plugin_id) {
    std::vector<Outage> outages;
    Statement select(database,
                     "SELECT began_at_ms, ifnull(ended_at_ms, ?2) FROM outage WHERE plugin_id = ?1"
                     " ORDER BY began_at_ms");
    Rows rows = select.query(plugin_id, Outages::kLasts);
    while (rows.next()) {
        outages.push_back({rows.integer(0), rows.integer(1)});
    }
    return outages;
}

OutageTable::OutageTable(Database& database)
    : begin_(database,
             "INSERT INTO outage(plugin_id, began_at_ms) VALUES (?1, ifnull((SELECT began_at_ms"
             " FROM outage WHERE plugin_id = ?1 AND ended_at_ms >= ?2), ?2))"
             " ON CONFLICT DO UPDATE SET ended_at_ms = NULL"),
      end_(database,
           "UPDATE outage SET ended_at_ms = ?2 WHERE plugin_id = ?1 AND ended_at_ms IS NULL"),
      count_(database, "SELECT count(*) FROM outage WHERE plugin_id = ?1"),
      join_(database, std::string("UPDATE outage SET ended_at_ms = (SELECT ended_at_ms ") +
                          kSecond +
                          " WHERE plugin_id = ?1 AND began_at_ms ="
                          " (SELECT min(began_at_ms) FROM outage WHERE plugin_id = ?1)"),
      remove_second_(database, std::string("DELETE FROM outage WHERE plugin_id = ?1 AND"
                                           " began_at_ms = (SELECT began_at_ms ") +
                                   kSecond) {
    Statement lasting(database, "SELECT plugin_id FROM outage WHERE ended_at_ms IS NULL");
    Rows rows = lasting.query();
    while (rows.next()) {
        lasts_[rows.integer(0)] = {true, true};
    }
}

void OutageTable::settled(std::int64_t plugin_id, Outcome outcome, std::int64_t now_ms) {
    const auto found = lasts_.find(plugin_id);
    const bool lasts = found != lasts_.end() && found->second.now;
    if (outcome == Outcome::kUnavailable && !lasts) {
        lasts_[plugin_id].now = true;
        begin(plugin_id, now_ms);
    } else if (ends_outage(outcome) && lasts) {
        found->second.now = false;
        end_.run(plugin_id, now_ms);
    }
}

void OutageTable::begin(std::int64_t plugin_id, std::int64_t now_ms) {
    begin_.run(plugin_id, now_ms);
    std::int64_t count = 0;
    {
        Rows rows = count_.query(plugin_id);
        count = rows.next() ? rows.integer(0) : 0;
    }
    if (count > static_cast<std::int64_t>(Outages::kMost)) {
        join_.run(plugin_id);
        remove_second_.run(plugin_id);
    }
}

void OutageTable::committed() noexcept {
    for (auto& [plugin_id, lasts] : lasts_) {
        lasts.committed = lasts.now;
    }
}

void OutageTable::rolled_back() noexcept {
    for (auto& [plugin_id, lasts] : lasts_) {
        lasts.now = lasts.committed;
    }
}

}  // namespace incm::inbox::sqlite
