#include "incm/inbox/recovery.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/tables.h"

namespace incm::inbox {

namespace {

constexpr std::int64_t kLongestPauseMs = 10 * 60 * 1000;
constexpr std::string_view kInterrupted =
    "the receiver ended before the plugin was done with the alert";

std::int64_t pause_ms(std::int64_t attempts) {
    if (attempts <= 1) {
        return 0;
    }
    // 2^10 s is beyond the longest pause already.
    const std::int64_t doublings = std::min<std::int64_t>(attempts - 1, 10);
    return std::min((std::int64_t{1} << doublings) * 1000, kLongestPauseMs);
}

struct Lease {
    std::int64_t plugin_id;
    std::int64_t taken_at_ms;
    std::vector<std::int64_t> alert_ids;
};

std::vector<Lease> read_leases(Database& database) {
    std::vector<Lease> leases;
    Statement select(database, "SELECT plugin_id, taken_at_ms, alert_ids FROM lease ORDER BY id");
    Rows rows = select.query();
    while (rows.next()) {
        leases.push_back({rows.integer(0), rows.integer(1), unpack_ids(rows.bytes(2))});
    }
    return leases;
}

}  // namespace

std::int64_t recover_leases(Database& database, std::int64_t now_ms, std::int64_t wall_ms) {
    const std::vector<Lease> leases = read_leases(database);
    if (leases.empty()) {
        return 0;
    }
    Transaction transaction(database, true);
    Statement find(database,
                   "SELECT attempts FROM delivery WHERE plugin_id = ?1 AND alert_id = ?2"
                   " AND dead = 0");
    Statement count(database,
                    "UPDATE delivery SET attempts = ?3, due_at_ms = ?4, error = ?5"
                    " WHERE plugin_id = ?1 AND alert_id = ?2");
    Statement ledger(database,
                     "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, NULL, 'interrupted', ?6)");
    // A delivery that was given back and taken again can be in two leases.
    std::set<std::pair<std::int64_t, std::int64_t>> done;
    std::int64_t interrupted = 0;
    for (const Lease& lease : leases) {
        for (const std::int64_t alert_id : lease.alert_ids) {
            std::int64_t attempts = -1;
            {
                Rows rows = find.query(lease.plugin_id, alert_id);
                attempts = rows.next() ? rows.integer(0) + 1 : -1;
            }
            if (attempts < 0 || !done.emplace(lease.plugin_id, alert_id).second) {
                continue;
            }
            count.run(lease.plugin_id, alert_id, attempts, now_ms + pause_ms(attempts),
                      kInterrupted);
            ledger.run(alert_id, lease.plugin_id, attempts, lease.taken_at_ms, wall_ms,
                       kInterrupted);
            ++interrupted;
        }
    }
    database.execute("DELETE FROM lease");
    transaction.commit();
    return interrupted;
}

void check_plugin_names(const std::vector<PluginOptions>& plugins) {
    for (auto plugin = plugins.begin(); plugin != plugins.end(); ++plugin) {
        const std::string& name = plugin->name;
        if (name.empty() || std::any_of(plugins.begin(), plugin, [&](const PluginOptions& other) {
                return other.name == name;
            })) {
            throw base::Failure({base::ErrorCode::kBadConfig,
                                 "plugin names must be unique and not empty: \"" + name + "\""});
        }
    }
}

std::int64_t enrol_plugin(Database& database, const std::string& name) {
    Statement find(database, "SELECT id FROM plugin WHERE name = ?1");
    {
        Rows rows = find.query(std::string_view(name));
        if (rows.next()) {
            return rows.integer(0);
        }
    }
    Statement insert(database,
                     "INSERT INTO plugin(name, first_alert_id) VALUES"
                     " (?1, (SELECT value FROM meta WHERE key = 'last_alert_id') + 1)");
    insert.run(std::string_view(name));
    Rows rows = find.query(std::string_view(name));
    return rows.next() ? rows.integer(0) : 0;
}

std::int64_t stored_clock_ms(Database& database) {
    return database.integer_of("SELECT value FROM meta WHERE key = 'clock_ms'");
}

std::string stored_inbox_id(Database& database) {
    return database.text_of("SELECT value FROM meta WHERE key = 'inbox_id'");
}

void store_clock(Database& database, std::int64_t now_ms) {
    Statement update(database, "UPDATE meta SET value = ?1 WHERE key = 'clock_ms'");
    update.run(now_ms);
}

}  // namespace incm::inbox
