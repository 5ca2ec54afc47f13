#include <algorithm>
#include <map>

#include "incm/inbox/sqlite/catalog_queries.h"
#include "incm/inbox/sqlite/lease_ids.h"

namespace incm::inbox::sqlite {

namespace {

// The first versions of the tables with them; a file opened read-only is not migrated.
constexpr std::int64_t kTracebacksSince = 7;
constexpr std::int64_t kTracesSince = 10;

bool has_version(Database& database, std::int64_t version) {
    return database.integer_of("PRAGMA user_version") >= version;
}

std::vector<PluginHistory> plugins_with_deliveries(Database& database, std::int64_t alert_id,
                                                   std::int64_t now_ms,
                                                   std::map<std::int64_t, std::size_t>& places) {
    std::vector<PluginHistory> plugins;
    Statement select(database,
                     "SELECT p.id, p.name, p.first_alert_id, d.alert_id IS NOT NULL, d.dead,"
                     " d.attempts, d.due_at_ms, d.error FROM plugin p LEFT JOIN delivery d"
                     " ON d.plugin_id = p.id AND d.alert_id = ?1 ORDER BY p.id");
    Rows rows = select.query(alert_id);
    while (rows.next()) {
        places[rows.integer(0)] = plugins.size();
        PluginHistory& plugin = plugins.emplace_back();
        plugin.plugin = rows.bytes(1);
        plugin.first_alert_id = rows.integer(2);
        if (rows.integer(3) == 0) {
            continue;
        }
        const bool dead = rows.integer(4) == 1;
        plugin.state = dead ? PluginHistory::State::kDead : PluginHistory::State::kOpen;
        plugin.attempts = rows.integer(5);
        plugin.due_in_ms = dead ? 0 : std::max<std::int64_t>(rows.integer(6) - now_ms, 0);
        plugin.error = rows.bytes(7);
    }
    return plugins;
}

void add_ledger(Database& database, std::int64_t alert_id,
                const std::map<std::int64_t, std::size_t>& places,
                std::vector<PluginHistory>& plugins) {
    Statement select(database,
                     "SELECT plugin_id, attempt, started_at_ms, duration_ms IS NOT NULL,"
                     " duration_ms, outcome, error FROM attempt WHERE alert_id = ?1"
                     " ORDER BY plugin_id, attempt");
    Rows rows = select.query(alert_id);
    while (rows.next()) {
        const auto place = places.find(rows.integer(0));
        if (place == places.end()) {
            continue;
        }
        LedgerEntry entry{.number = rows.integer(1),
                          .started_at_ms = rows.integer(2),
                          .duration_ms = std::nullopt,
                          .outcome = std::string(rows.bytes(5)),
                          .error = std::string(rows.bytes(6))};
        if (rows.integer(3) == 1) {
            entry.duration_ms = rows.integer(4);
        }
        plugins[place->second].ledger.push_back(std::move(entry));
    }
}

void add_tracebacks(Database& database, std::int64_t alert_id,
                    const std::map<std::int64_t, std::size_t>& places,
                    std::vector<PluginHistory>& plugins) {
    if (!has_version(database, kTracebacksSince)) {
        return;
    }
    Statement select(database,
                     "SELECT plugin_id, attempt, text FROM traceback WHERE alert_id = ?1");
    Rows rows = select.query(alert_id);
    while (rows.next()) {
        const auto place = places.find(rows.integer(0));
        if (place == places.end()) {
            continue;
        }
        for (LedgerEntry& entry : plugins[place->second].ledger) {
            if (entry.number == rows.integer(1)) {
                entry.traceback = rows.bytes(2);
            }
        }
    }
}

/// A finished delivery no longer has a row: its last line in the ledger records how it ended.
void conclude(PluginHistory& plugin) {
    if (plugin.state != PluginHistory::State::kNever || plugin.ledger.empty()) {
        return;
    }
    const LedgerEntry& last = plugin.ledger.back();
    const bool dropped = last.outcome == "dropped";
    plugin.state = dropped ? PluginHistory::State::kDropped : PluginHistory::State::kDelivered;
    plugin.attempts = last.number - (dropped ? 1 : 0);
    plugin.error = last.error;
}

bool holds(const std::vector<std::int64_t>& ids, std::int64_t id) {
    return std::ranges::find(ids, id) != ids.end();
}

void add_leases(Database& database, std::int64_t alert_id,
                const std::map<std::int64_t, std::size_t>& places,
                std::vector<PluginHistory>& plugins) {
    Statement select(database, "SELECT plugin_id, taken_at_ms, alert_ids FROM lease ORDER BY id");
    Rows rows = select.query();
    while (rows.next()) {
        const auto place = places.find(rows.integer(0));
        if (place != places.end() && holds(unpack_ids(rows.bytes(2)), alert_id)) {
            plugins[place->second].fetched_at_ms = rows.integer(1);
        }
    }
}

}  // namespace

StoredAlert read_alert(const Rows& rows) {
    return {.id = rows.integer(0),
            .received_at_ms = rows.integer(1),
            .endpoint = std::string(rows.bytes(2)),
            .form = std::string(rows.bytes(3)),
            .type = std::string(rows.bytes(4)),
            .device = std::string(rows.bytes(5)),
            .text = {},
            .state = {}};
}

std::optional<AlertHistory> history_of(Database& database, std::int64_t alert_id,
                                       std::int64_t now_ms) {
    AlertHistory history;
    {
        const char* const trace = has_version(database, kTracesSince) ? "trace" : "NULL";
        Statement select(database, std::string("SELECT ") + kAlertColumns + ", text, " + trace +
                                       " FROM alert WHERE id = ?1");
        Rows rows = select.query(alert_id);
        if (!rows.next()) {
            return std::nullopt;
        }
        history.alert = read_alert(rows);
        history.alert.text = rows.bytes(6);
        if (const auto kept = rows.bytes(7); !kept.empty()) history.trace = kept;
    }
    std::map<std::int64_t, std::size_t> places;
    history.plugins = plugins_with_deliveries(database, alert_id, now_ms, places);
    add_ledger(database, alert_id, places, history.plugins);
    add_tracebacks(database, alert_id, places, history.plugins);
    add_leases(database, alert_id, places, history.plugins);
    for (PluginHistory& plugin : history.plugins) {
        conclude(plugin);
    }
    return history;
}

}  // namespace incm::inbox::sqlite
