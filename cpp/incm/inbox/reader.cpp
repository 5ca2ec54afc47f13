#include "incm/inbox/reader.h"

#include <algorithm>

#include "incm/inbox/database_file.h"

namespace incm::inbox {

namespace {

// The text comes last: SQLite reads the pages behind a row's first one only when asked for it.
const std::string kSelect =
    "SELECT d.alert_id, d.attempts, a.device, d.due_at_ms, d.base, d.created_at_ms,"
    " a.received_at_ms, a.endpoint, a.text FROM delivery d ";

enum Column {
    kAlertId,
    kAttempts,
    kDevice,
    kDueAt,
    kBase,
    kCreatedAt,
    kReceivedAt,
    kEndpoint,
    kText
};

Delivery read(const Rows& rows, std::int64_t now_ms) {
    Delivery delivery{};
    delivery.alert_id = rows.integer(kAlertId);
    delivery.attempt = rows.integer(kAttempts) + 1;
    delivery.tries = delivery.attempt - rows.integer(kBase);
    delivery.device = rows.bytes(kDevice);
    delivery.age_ms = std::max<std::int64_t>(0, now_ms - rows.integer(kCreatedAt));
    delivery.received_at_ms = rows.integer(kReceivedAt);
    delivery.endpoint = rows.bytes(kEndpoint);
    delivery.text = rows.bytes(kText);
    return delivery;
}

bool admitted(const Rows& rows, const Reader::Admit& admit) {
    return admit(rows.integer(kAlertId), rows.integer(kAttempts), std::string(rows.bytes(kDevice)));
}

}  // namespace

Reader::Reader(const std::string& path)
    : database_(open_reader(path)),
      retries_(*database_, kSelect +
                               "INDEXED BY delivery_retry CROSS JOIN alert a ON a.id = d.alert_id"
                               " WHERE d.plugin_id = ?1 AND d.attempts > 0 AND d.dead = 0"
                               " ORDER BY d.due_at_ms"),
      fresh_(*database_,
             kSelect +
                 "CROSS JOIN alert a ON a.id = d.alert_id"
                 " WHERE d.plugin_id = ?1 AND d.alert_id > ?2 AND d.attempts = 0 AND d.dead = 0"
                 " ORDER BY d.alert_id"),
      one_(*database_, kSelect +
                           "CROSS JOIN alert a ON a.id = d.alert_id"
                           " WHERE d.plugin_id = ?1 AND d.alert_id = ?2 AND d.dead = 0"),
      dead_(*database_, "SELECT dead FROM delivery WHERE plugin_id = ?1 AND alert_id = ?2") {}

Reader::Retries Reader::retries(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                                const Admit& admit) {
    Retries found;
    Rows rows = retries_.query(plugin_id);
    while (found.due.size() < limit && rows.next()) {
        if (rows.integer(kDueAt) > now_ms) {
            found.next_due_ms = rows.integer(kDueAt);
            break;
        }
        if (admitted(rows, admit)) {
            found.due.push_back(read(rows, now_ms));
        }
    }
    return found;
}

Reader::Fresh Reader::fresh(std::int64_t plugin_id, std::int64_t cursor, std::int64_t now_ms,
                            std::size_t limit, const Admit& admit) {
    Fresh fresh{{}, cursor};
    Rows rows = fresh_.query(plugin_id, cursor);
    while (fresh.found.size() < limit && rows.next()) {
        fresh.cursor = rows.integer(kAlertId);
        if (admitted(rows, admit)) {
            fresh.found.push_back(read(rows, now_ms));
        }
    }
    return fresh;
}

std::optional<Delivery> Reader::find(std::int64_t plugin_id, std::int64_t alert_id,
                                     std::int64_t now_ms) {
    Rows rows = one_.query(plugin_id, alert_id);
    if (!rows.next()) {
        return std::nullopt;
    }
    return read(rows, now_ms);
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

void Reader::offer_waiting(std::int64_t plugin_id, const Admit& admit) {
    Rows rows = retries_.query(plugin_id);
    while (rows.next()) {
        (void)admitted(rows, admit);
    }
}

}  // namespace incm::inbox
