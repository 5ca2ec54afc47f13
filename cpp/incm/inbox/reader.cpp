#include "incm/inbox/reader.h"

#include <algorithm>

#include "incm/inbox/database_file.h"

namespace incm::inbox {

Reader::Reader(const std::string& path)
    : database_(open_reader(path)),
      retries_(*database_,
               "SELECT alert_id, attempts, due_at_ms FROM delivery INDEXED BY delivery_retry"
               " WHERE plugin_id = ?1 AND attempts > 0 AND dead = 0 ORDER BY due_at_ms"),
      fresh_(*database_,
             "SELECT alert_id FROM delivery WHERE plugin_id = ?1 AND alert_id > ?2"
             " AND attempts = 0 AND dead = 0 ORDER BY alert_id LIMIT ?3"),
      alert_(*database_,
             "SELECT a.received_at_ms, a.endpoint, a.text, d.created_at_ms"
             " FROM alert a JOIN delivery d ON d.plugin_id = ?2 AND d.alert_id = a.id"
             " WHERE a.id = ?1") {}

Reader::Retries Reader::retries(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                                const std::function<bool(std::int64_t)>& taken) {
    Retries found;
    Rows rows = retries_.query(plugin_id);
    while (found.due.size() < limit && rows.next()) {
        const std::int64_t alert_id = rows.integer(0);
        if (taken(alert_id)) {
            continue;
        }
        if (rows.integer(2) > now_ms) {
            found.next_due_ms = rows.integer(2);
            break;
        }
        found.due.push_back({alert_id, rows.integer(1)});
    }
    return found;
}

void Reader::fresh(std::int64_t plugin_id, std::int64_t cursor, std::size_t limit,
                   std::vector<Pick>& into) {
    Rows rows = fresh_.query(plugin_id, cursor, static_cast<std::int64_t>(limit));
    while (rows.next()) {
        into.push_back({rows.integer(0), 0});
    }
}

void Reader::load(std::int64_t plugin_id, std::int64_t alert_id, std::int64_t now_ms,
                  Delivery& into) {
    Rows rows = alert_.query(alert_id, plugin_id);
    if (!rows.next()) {
        throw SqlError::contradiction("alert " + std::to_string(alert_id) + " is missing");
    }
    into.received_at_ms = rows.integer(0);
    into.endpoint = rows.bytes(1);
    into.text = rows.bytes(2);
    into.age_ms = std::max<std::int64_t>(0, now_ms - rows.integer(3));
}

}  // namespace incm::inbox
