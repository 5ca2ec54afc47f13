#include <algorithm>

#include "incm/inbox/sqlite/catalog_queries.h"

namespace incm::inbox::sqlite {

namespace {

struct Plugin {
    std::int64_t id;
    std::string name;
};

std::vector<Plugin> all_plugins(Database& database) {
    std::vector<Plugin> plugins;
    Statement select(database, "SELECT id, name FROM plugin ORDER BY id");
    Rows rows = select.query();
    while (rows.next()) {
        plugins.push_back({rows.integer(0), std::string(rows.bytes(1))});
    }
    return plugins;
}

/// Fills one page, plugin by plugin.
class UndeliveredList {
 public:
    UndeliveredList(Database& database, const UndeliveredQuery& query)
        : query_(query),
          deliveries_(database,
                      "SELECT alert_id, dead, attempts, error FROM delivery"
                      " WHERE plugin_id = ?1 AND alert_id > ?2 ORDER BY alert_id"),
          alert_(database, std::string("SELECT ") + kAlertColumns + " FROM alert WHERE id = ?1"),
          ended_(database,
                 "SELECT ended_at_ms FROM attempt WHERE alert_id = ?1 AND plugin_id = ?2"
                 " ORDER BY attempt DESC LIMIT 1") {}

    /// False when the page is full.
    bool add(const Plugin& plugin, std::int64_t after) {
        const bool orphaned = query_.orphaned && query_.orphaned(plugin.name);
        last_ = {plugin.id, after};
        Rows rows = deliveries_.query(plugin.id, after);
        while (rows.next()) {
            if (page_.found.size() >= query_.limit || scanned_ >= kMaxScanned) {
                page_.next = last_;
                return false;
            }
            ++scanned_;
            last_.alert_id = rows.integer(0);
            const bool dead = rows.integer(1) == 1;
            if (dead || orphaned) {
                page_.found.push_back({.plugin = plugin.name,
                                       .dead = dead,
                                       .attempts = rows.integer(2),
                                       .failed_at_ms = ended(plugin.id),
                                       .error = std::string(rows.bytes(3)),
                                       .alert = alert()});
            }
        }
        return true;
    }
    [[nodiscard]] UndeliveredPage page() { return std::move(page_); }

 private:
    [[nodiscard]] std::optional<std::int64_t> ended(std::int64_t plugin_id) {
        Rows rows = ended_.query(last_.alert_id, plugin_id);
        return rows.next() ? std::optional(rows.integer(0)) : std::nullopt;
    }
    [[nodiscard]] StoredAlert alert() {
        Rows rows = alert_.query(last_.alert_id);
        if (!rows.next()) {
            throw SqlError::contradiction("alert " + std::to_string(last_.alert_id) +
                                          " is missing, but has a delivery");
        }
        return read_alert(rows);
    }

    const UndeliveredQuery& query_;
    Statement deliveries_, alert_, ended_;
    UndeliveredPage page_;
    UndeliveredCursor last_;
    std::size_t scanned_ = 0;
};

}  // namespace

UndeliveredPage list_undelivered(Database& database, const UndeliveredQuery& query) {
    UndeliveredList list(database, query);
    for (const Plugin& plugin : all_plugins(database)) {
        if (plugin.id < query.after.plugin_id || (query.plugin && plugin.name != *query.plugin)) {
            continue;
        }
        const bool begun = plugin.id == query.after.plugin_id;
        if (!list.add(plugin, begun ? query.after.alert_id : 0)) {
            break;
        }
    }
    return list.page();
}

std::vector<PluginTotals> count_deliveries(Database& database, std::int64_t now_ms) {
    std::vector<PluginTotals> all;
    Statement count(database,
                    "SELECT count(*), total(dead = 0), total(dead = 0 AND attempts > base),"
                    " min(created_at_ms) FILTER (WHERE dead = 0) FROM"
                    " (SELECT * FROM delivery WHERE plugin_id = ?1 LIMIT ?2)");
    for (const Plugin& plugin : all_plugins(database)) {
        PluginTotals& totals = all.emplace_back();
        totals.plugin = plugin.name;
        Rows rows = count.query(plugin.id, kMaxCounted);
        if (!rows.next()) {
            continue;
        }
        totals.open = rows.integer(1);
        totals.waiting = rows.integer(2);
        totals.dead = rows.integer(0) - totals.open;
        totals.more = rows.integer(0) == kMaxCounted;
        if (totals.open > 0) {
            totals.oldest_open_ms = std::max<std::int64_t>(now_ms - rows.integer(3), 0);
        }
    }
    return all;
}

std::vector<std::string> plugin_names(Database& database) {
    std::vector<std::string> names;
    for (Plugin& plugin : all_plugins(database)) {
        names.push_back(std::move(plugin.name));
    }
    return names;
}

bool has_open_delivery(Database& database, const std::string& plugin, std::int64_t alert_id) {
    Statement find(database,
                   "SELECT 1 FROM delivery WHERE plugin_id = (SELECT id FROM plugin WHERE"
                   " name = ?1) AND alert_id = ?2 AND dead = 0");
    Rows rows = find.query(std::string_view(plugin), alert_id);
    return rows.next();
}

}  // namespace incm::inbox::sqlite
