#include <algorithm>
#include <utility>

#include "incm/inbox/sqlite/catalog_queries.h"

namespace incm::inbox::sqlite {

namespace {

constexpr int kId = 0;
constexpr int kReceivedAt = 1;
constexpr int kText = 6;

const char* state_question(std::optional<DeliveryState> state) {
    switch (state.value_or(DeliveryState::kAny)) {
        case DeliveryState::kOpen:
            return "SELECT 1 FROM plugin p CROSS JOIN delivery d ON d.plugin_id = p.id"
                   " AND d.alert_id = ?1 WHERE d.dead = 0 AND (?2 < 0 OR p.id = ?2) LIMIT 1";
        case DeliveryState::kDead:
            return "SELECT 1 FROM plugin p CROSS JOIN delivery d ON d.plugin_id = p.id"
                   " AND d.alert_id = ?1 WHERE d.dead = 1 AND (?2 < 0 OR p.id = ?2) LIMIT 1";
        case DeliveryState::kDelivered:
            return "SELECT 1 FROM attempt t WHERE t.alert_id = ?1 AND (?2 < 0 OR t.plugin_id = ?2)"
                   " AND t.outcome = 'delivered' AND NOT EXISTS (SELECT 1 FROM delivery d"
                   " WHERE d.plugin_id = t.plugin_id AND d.alert_id = ?1) LIMIT 1";
        case DeliveryState::kAny:
            break;
    }
    return "SELECT 1 FROM plugin p WHERE (?2 < 0 OR p.id = ?2) AND (EXISTS (SELECT 1 FROM delivery "
           "d"
           " WHERE d.plugin_id = p.id AND d.alert_id = ?1) OR EXISTS (SELECT 1 FROM attempt t"
           " WHERE t.alert_id = ?1 AND t.plugin_id = p.id)) LIMIT 1";
}

// A finished delivery no longer has a row; the ledger records how it ended.
constexpr const char* kWorstState =
    "SELECT coalesce((SELECT CASE max(d.dead) WHEN 1 THEN 'dead' WHEN 0 THEN 'open' END"
    " FROM plugin p CROSS JOIN delivery d ON d.plugin_id = p.id AND d.alert_id = ?1"
    " WHERE ?2 < 0 OR p.id = ?2), (SELECT min(t.outcome) FROM attempt t WHERE t.alert_id = ?1"
    " AND (?2 < 0 OR t.plugin_id = ?2) AND t.outcome IN ('delivered', 'dropped')), '')";

const char* name_of(DeliveryState state) {
    switch (state) {
        case DeliveryState::kOpen:
            return "open";
        case DeliveryState::kDead:
            return "dead";
        case DeliveryState::kDelivered:
            return "delivered";
        case DeliveryState::kAny:
            break;
    }
    return "";
}

/// Checks whether an alert has a delivery that the query selects, and finds the state of the alert.
class StateCheck {
 public:
    StateCheck(Database& database, const AlertQuery& query)
        : checks_(query.plugin || query.state),
          wanted_(name_of(query.state.value_or(DeliveryState::kAny))),
          find_(database, state_question(query.state)),
          worst_(database, kWorstState) {
        if (query.plugin) {
            Statement plugin(database, "SELECT id FROM plugin WHERE name = ?1");
            Rows rows = plugin.query(std::string_view(*query.plugin));
            plugin_id_ = rows.next() ? rows.integer(0) : 0;  // no plugin has the number 0
        }
    }
    [[nodiscard]] bool fits(std::int64_t alert_id) {
        return !checks_ || find_.query(alert_id, plugin_id_).next();
    }
    /// Return the state of a selected alert; if the query names a state, that one.
    [[nodiscard]] std::string of(std::int64_t alert_id) {
        if (!wanted_.empty()) return wanted_;
        Rows rows = worst_.query(alert_id, plugin_id_);
        return rows.next() ? std::string(rows.bytes(0)) : "";
    }

 private:
    const bool checks_;
    const std::string wanted_;  // "" for any
    Statement find_;
    Statement worst_;
    std::int64_t plugin_id_ = -1;  // any
};

/// The first number in [low, high) from which on reached(received, stored) holds, else high.
template <typename Reached>
std::int64_t search(Statement& at, std::int64_t low, std::int64_t high, const Reached& reached) {
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        Rows rows = at.query(middle);
        if (!rows.next() || rows.integer(0) >= high || reached(rows.integer(1), rows.integer(2))) {
            high = middle;
        } else {
            low = rows.integer(0) + 1;
        }
    }
    return low;
}

/// Return the range of numbers that the times of the query allow, without reading every row before
/// it. Numbers rise with the inbox clock, and with the wall clock except for its jumps. An alert is
/// skipped only when both clocks exclude it.
std::pair<std::int64_t, std::int64_t> narrowed(Database& database, const AlertQuery& query) {
    const std::int64_t last = database.integer_of("SELECT max(id) FROM alert");
    std::int64_t low = query.after < last ? query.after + 1 : last + 1;
    std::int64_t high = std::min(query.before, last + 1);
    Statement at(database,
                 "SELECT id, received_at_ms, stored_at_ms FROM alert WHERE id >= ?1"
                 " ORDER BY id LIMIT 1");
    if (query.since_ms) {
        low = search(at, low, high, [&](std::int64_t received, std::int64_t stored) {
            return std::max(received, stored) >= *query.since_ms;
        });
    }
    if (query.until_ms) {
        high = search(at, low, high, [&](std::int64_t received, std::int64_t stored) {
            return std::min(received, stored) >= *query.until_ms;
        });
    }
    return {low, high};
}

bool in_time(const AlertQuery& query, std::int64_t received_at_ms) {
    return (!query.since_ms || received_at_ms >= *query.since_ms) &&
           (!query.until_ms || received_at_ms < *query.until_ms);
}

}  // namespace

AlertPage list_alerts(Database& database, const AlertQuery& query) {
    const auto [low, high] = narrowed(database, query);
    StateCheck state(database, query);
    const bool reads_text = query.with_text || query.wanted_reads_text;
    Statement select(database, std::string("SELECT ") + kAlertColumns +
                                   (reads_text ? ", text" : "") +
                                   " FROM alert WHERE id >= ?1 AND id < ?2 ORDER BY id" +
                                   (query.descending ? " DESC" : ""));
    AlertPage page;
    std::int64_t last_id = 0;
    std::size_t scanned = 0;
    std::size_t scanned_bytes = 0;
    std::size_t page_bytes = 0;
    Rows rows = select.query(low, high);
    while (rows.next()) {
        if (page.alerts.size() >= query.limit || scanned >= kMaxScanned ||
            scanned_bytes >= kMaxScannedBytes || page_bytes >= kMaxPageBytes) {
            page.next = last_id;
            break;
        }
        ++scanned;
        last_id = rows.integer(kId);
        if (!in_time(query, rows.integer(kReceivedAt)) || !state.fits(last_id)) {
            continue;
        }
        StoredAlert alert = read_alert(rows);
        if (reads_text) {
            alert.text = rows.bytes(kText);
            scanned_bytes += alert.text.size();
        }
        if (query.wanted && !query.wanted(alert)) {
            continue;
        }
        if (!query.with_text) {
            alert.text = {};
        }
        page_bytes += alert.text.size();
        alert.state = state.of(last_id);
        page.alerts.push_back(std::move(alert));
    }
    return page;
}

}  // namespace incm::inbox::sqlite
