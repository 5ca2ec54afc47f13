#include "incm/inbox/sqlite/reader.h"

#include <algorithm>

#include "incm/inbox/sqlite/database_file.h"

namespace incm::inbox::sqlite {

namespace {

// The text comes last, except for what is behind it in the row too: SQLite reads the further pages
// of a row only when the text is requested.
const std::string kSelect =
    "SELECT d.alert_id, d.attempts, a.device, d.due_at_ms, d.base, d.created_at_ms,"
    " a.received_at_ms, a.endpoint, length(a.text), a.text, a.trace FROM delivery d "
    "CROSS JOIN alert a ON a.id = d.alert_id WHERE d.plugin_id = ?1 AND d.dead = 0 AND ";

enum Column {
    kAlertId,
    kAttempts,
    kDevice,
    kDueAt,
    kBase,
    kCreatedAt,
    kReceivedAt,
    kEndpoint,
    kTextBytes,
    kText,
    kTrace
};

}  // namespace

Turn Reader::Row::turn() const {
    return {rows_.integer(kAlertId), rows_.integer(kAttempts), rows_.integer(kDueAt)};
}

std::string Reader::Row::device() const {
    return std::string(rows_.bytes(kDevice));
}

std::int64_t Reader::Row::text_bytes() const {
    return rows_.integer(kTextBytes);
}

Delivery Reader::Row::delivery() const {
    Delivery delivery{};
    delivery.alert_id = rows_.integer(kAlertId);
    delivery.attempt = rows_.integer(kAttempts) + 1;
    delivery.tries = delivery.attempt - rows_.integer(kBase);
    delivery.device = rows_.bytes(kDevice);
    delivery.age_ms = std::max<std::int64_t>(0, now_ms_ - rows_.integer(kCreatedAt));
    delivery.waited_ms = delivery.age_ms;
    delivery.received_at_ms = rows_.integer(kReceivedAt);
    delivery.endpoint = rows_.bytes(kEndpoint);
    delivery.text = rows_.bytes(kText);
    if (const std::string_view trace = rows_.bytes(kTrace); !trace.empty()) delivery.trace = trace;
    return delivery;
}

Reader::Reader(const std::string& path)
    : database_(open_reader(path)),
      due_(*database_,
           "SELECT alert_id, due_at_ms FROM delivery INDEXED BY delivery_retry"
           " WHERE plugin_id = ?1 AND attempts > 0 AND dead = 0 ORDER BY due_at_ms"),
      fresh_(*database_, kSelect + "d.alert_id > ?2 AND d.attempts = 0 ORDER BY d.alert_id"),
      open_(*database_, kSelect + "d.alert_id > ?2 ORDER BY d.alert_id"),
      last_(*database_, "SELECT max(id) FROM alert"),
      one_(*database_, kSelect + "d.alert_id = ?2"),
      dead_(*database_, "SELECT dead FROM delivery WHERE plugin_id = ?1 AND alert_id = ?2") {}

bool Reader::scan(std::int64_t plugin_id, std::int64_t cursor, std::int64_t now_ms, bool fresh_only,
                  const Visit& visit) {
    Rows rows = (fresh_only ? fresh_ : open_).query(plugin_id, cursor);
    const Row row(rows, now_ms);
    while (rows.next()) {
        if (!visit(row)) {
            return false;
        }
    }
    return true;
}

std::int64_t Reader::last_alert_id() {
    Rows rows = last_.query();
    return rows.next() ? rows.integer(0) : 0;
}

void Reader::find(std::int64_t plugin_id, std::int64_t alert_id, std::int64_t now_ms,
                  const Visit& visit) {
    Rows rows = one_.query(plugin_id, alert_id);
    if (rows.next()) {
        (void)visit(Row(rows, now_ms));
    }
}

Reader::Due Reader::due(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                        const std::function<bool(std::int64_t)>& skipped) {
    Due due;
    Rows rows = due_.query(plugin_id);
    while (due.turns.size() < limit && rows.next()) {
        const Turn turn{rows.integer(0), 1, rows.integer(1)};
        if (turn.due_at_ms > now_ms) {
            due.next_due_ms = turn.due_at_ms;
            break;
        }
        if (!skipped(turn.alert_id)) {
            due.turns.push_back(turn);
        }
    }
    return due;
}

Progress Reader::progress(std::int64_t alert_id, std::span<const std::int64_t> plugin_ids) {
    Progress progress = Progress::kDone;
    for (const std::int64_t plugin_id : plugin_ids) {
        Rows rows = dead_.query(plugin_id, alert_id);
        if (!rows.next()) {
            continue;
        }
        if (rows.integer(0) != 0) {
            return Progress::kDead;
        }
        progress = Progress::kOpen;
    }
    return progress;
}

}  // namespace incm::inbox::sqlite
