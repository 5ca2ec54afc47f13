#include <string>
#include <string_view>

#include "incm/inbox/sqlite/catalog_queries.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::int64_t kStateSince = 8;  ///< an older inbox that is only read has no such table

bool has_state(Database& database) {
    return database.integer_of("PRAGMA user_version") >= kStateSince;
}

}  // namespace

StatePage list_state(Database& database, const StateQuery& query) {
    StatePage page;
    if (!has_state(database)) {
        return page;
    }
    Statement select(database,
                     "SELECT key, value FROM plugin_state WHERE key >= ?2 AND key > ?3"
                     " AND plugin_id = (SELECT id FROM plugin WHERE name = ?1) ORDER BY key");
    std::size_t bytes = 0;
    Rows rows = select.query(std::string_view(query.plugin), std::string_view(query.prefix),
                             std::string_view(query.after));
    while (rows.next() && rows.bytes(0).starts_with(query.prefix)) {
        if (page.entries.size() >= kStatePageEntries || bytes >= kStatePageBytes) {
            page.next = page.entries.back().key;
            break;
        }
        page.entries.push_back({std::string(rows.bytes(0)), std::string(rows.bytes(1))});
        bytes += page.entries.back().key.size() + page.entries.back().value.size();
    }
    return page;
}

std::vector<StateTotals> count_state(Database& database) {
    std::vector<StateTotals> all;
    if (!has_state(database)) {
        return all;
    }
    Statement select(database,
                     "SELECT p.name, count(*), sum(length(CAST(s.key AS BLOB))"
                     " + length(CAST(s.value AS BLOB)))"
                     " FROM plugin_state s JOIN plugin p ON p.id = s.plugin_id"
                     " GROUP BY p.id ORDER BY p.name");
    Rows rows = select.query();
    while (rows.next()) {
        all.push_back({std::string(rows.bytes(0)), rows.integer(1), rows.integer(2)});
    }
    return all;
}

}  // namespace incm::inbox::sqlite
