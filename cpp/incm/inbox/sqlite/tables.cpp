#include "incm/inbox/sqlite/tables.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "incm/inbox/sqlite/lease_ids.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::size_t kMaxErrorBytes = 2000;
constexpr std::int64_t kPruneRows = 200;               ///< about 2 ms on a slow machine
constexpr std::int64_t kPruneBytes = 2 * 1024 * 1024;  ///< as above, for large texts

/// Cut a text before a whole UTF-8 character, so that the rest is still valid.
std::string_view cut(std::string_view text, std::size_t most) {
    if (text.size() <= most) {
        return text;
    }
    std::size_t size = most;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
        --size;
    }
    return text.substr(0, size);
}

}  // namespace

Tables::Tables(Database& database)
    : database_(database),
      commits_(database.integer_of("SELECT value FROM meta WHERE key = 'commits'")),
      begin_(database, "BEGIN IMMEDIATE"),
      commit_(database, "COMMIT"),
      set_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1"),
      alert_rows_(database,
                  "INSERT OR ROLLBACK INTO alert(id, endpoint, received_at_ms, form, type, device, "
                  "text, stored_at_ms, trace) VALUES",
                  "(?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      delivery_rows_(database,
                     "INSERT OR ROLLBACK INTO delivery(plugin_id, alert_id, created_at_ms, "
                     "attempts, due_at_ms, dead, base) VALUES",
                     "(?, ?, ?, 0, ?, 0, 0)"),
      attempt_rows_(database,
                    "INSERT OR ROLLBACK INTO attempt(alert_id, plugin_id, attempt, started_at_ms, "
                    "ended_at_ms, duration_ms, outcome, error) VALUES",
                    "(?, ?, ?, ?, ?, ?, ?, ?)"),
      delete_deliveries_(
          database, "DELETE FROM delivery WHERE plugin_id = ?1 AND alert_id BETWEEN ?2 AND ?3"),
      retry_delivery_(database,
                      "UPDATE delivery SET attempts = ?3, due_at_ms = ?4, error = ?5,"
                      " base = base + ?6 WHERE plugin_id = ?1 AND alert_id = ?2"),
      kill_delivery_(database,
                     "UPDATE delivery SET attempts = ?3, dead = 1, error = ?4"
                     " WHERE plugin_id = ?1 AND alert_id = ?2"),
      insert_lease_(
          database,
          "INSERT INTO lease(id, plugin_id, alert_ids, taken_at_ms) VALUES (?1, ?2, ?3, ?4)"),
      update_lease_(database, "UPDATE lease SET alert_ids = ?2 WHERE id = ?1"),
      delete_lease_(database, "DELETE FROM lease WHERE id = ?1"),
      keep_traceback_(database,
                      "INSERT INTO traceback(alert_id, plugin_id, attempt, text) VALUES (?1, ?2, "
                      "?3, ?4) ON CONFLICT DO UPDATE"
                      " SET attempt = excluded.attempt, text = excluded.text"),
      find_old_(database,
                "SELECT id, stored_at_ms, EXISTS(SELECT 1 FROM plugin p CROSS JOIN delivery d"
                "  ON d.plugin_id = p.id AND d.alert_id = a.id), length(text)"
                " FROM alert a WHERE id > ?1 ORDER BY id LIMIT ?2"),
      delete_attempts_(database, "DELETE FROM attempt WHERE alert_id = ?1"),
      delete_tracebacks_(database, "DELETE FROM traceback WHERE alert_id = ?1"),
      delete_alert_(database, "DELETE FROM alert WHERE id = ?1"),
      seen_(database),
      outages_(database),
      rejected_(database),
      state_(database) {
    totals_.last_alert_id =
        database.integer_of("SELECT value FROM meta WHERE key = 'last_alert_id'");
    totals_.counts.alerts = database.integer_of("SELECT value FROM meta WHERE key = 'alerts'");
    totals_.counts.open = database.integer_of("SELECT value FROM meta WHERE key = 'open'");
    totals_.counts.dead = database.integer_of("SELECT value FROM meta WHERE key = 'dead'");
    totals_.counts.quarantined = rejected_.count();
    publish();
}

void Tables::begin(std::int64_t now_ms) {
    now_ms_ = now_ms;
    changed_ = false;
    next_ = totals_;
    lease_changes_.clear();
    state_.begin();
    begin_.run();
}

void Tables::commit() {
    if (changed_) {
        write_rows();
        seen_.write(now_ms_);
        write_leases();
        write_meta();
    }
    commit_.run();
    // From here on nothing may fail: a commit on disk cannot be rolled back.
    totals_ = next_;
    if (changed_) {
        ++commits_;
        written_ms_ = now_ms_;
        folded_ms_ = 0;
    }
    for (auto& [id, change] : lease_changes_) {
        if (change.left.empty()) {
            leases_.erase(id);
        } else {
            leases_.find(id)->second = std::move(change.left);
        }
    }
    seen_.committed(totals_.last_alert_id);
    outages_.committed();
    publish();
}

void Tables::rollback() noexcept {
    alert_rows_.forget();
    delivery_rows_.forget();
    attempt_rows_.forget();
    delivered_.clear();
    seen_.rolled_back();
    outages_.rolled_back();
    for (const auto& [id, change] : lease_changes_) {
        if (change.added) {
            leases_.erase(id);
        }
    }
    if (database_.in_transaction()) {
        try {
            database_.execute("ROLLBACK");
        } catch (const std::exception&) {  // no memory for an SqlError
            // The next BEGIN fails and reports it.
        }
    }
}

Stored Tables::append(const NewAlert& alert, std::span<const std::int64_t> plugin_ids) {
    const std::optional<DedupeIndex::Seen> earlier = seen_.find(alert.dedupe_key);
    if (earlier && (alert.duplicate_for_ever || now_ms_ - earlier->at_ms <= kShortDedupeMs)) {
        return {earlier->alert_id, true};
    }
    const std::int64_t id = insert(alert, plugin_ids);
    seen_.add(alert.dedupe_key, {id, now_ms_});
    return {id, false};
}

std::int64_t Tables::insert(const NewAlert& alert, std::span<const std::int64_t> plugin_ids) {
    changed_ = true;
    // Not "max + 1": a pruned number would come back, and with it a delivery key.
    const std::int64_t id = ++next_.last_alert_id;
    alert_rows_.add(id, alert.endpoint, alert.received_at_ms, alert.form, alert.type, alert.device,
                    Blob{alert.text}, now_ms_, alert.trace);
    for (const std::int64_t plugin : plugin_ids) {
        delivery_rows_.add(plugin, id, now_ms_, now_ms_);
    }
    ++next_.counts.alerts;
    next_.counts.open += static_cast<std::int64_t>(plugin_ids.size());
    return id;
}

void Tables::quarantine(const QuarantinedRequest& rejected) {
    changed_ |= rejected_.keep(rejected, next_.counts.quarantined);
}

bool Tables::drop_rejected(std::int64_t id) {
    const bool dropped = rejected_.remove(id, next_.counts.quarantined);
    changed_ |= dropped;
    return dropped;
}

void Tables::lease(std::int64_t lease_id, std::int64_t plugin_id, std::int64_t wall_ms,
                   std::span<const std::int64_t> alert_ids) {
    changed_ = true;
    const std::string bytes = pack_ids(alert_ids);
    insert_lease_.run(lease_id, plugin_id, Blob{bytes}, wall_ms);
    lease_changes_[lease_id].added.emplace(alert_ids.begin(), alert_ids.end());
}

void Tables::settle(const Settled& settled) {
    changed_ = true;
    const Settlement& it = settled.settlement;
    std::optional<std::string_view> error = cut(it.error, kMaxErrorBytes);
    std::string_view outcome = "dead";
    if (it.outcome == Outcome::kDelivered) {
        outcome = "delivered";
        error.reset();
        delivered_.emplace_back(settled.plugin_id, it.alert_id);
        --next_.counts.open;
    } else if (is_again(it.outcome)) {
        const bool unavailable = it.outcome == Outcome::kUnavailable;
        outcome = unavailable ? "unavailable" : "retry";
        retry_delivery_.run(settled.plugin_id, it.alert_id, settled.attempt, settled.due_at_ms,
                            *error, std::int64_t{unavailable});
    } else {
        kill_delivery_.run(settled.plugin_id, it.alert_id, settled.attempt, *error);
        --next_.counts.open;
        ++next_.counts.dead;
    }
    outages_.settled(settled.plugin_id, it.outcome, now_ms_);
    attempt_rows_.add(it.alert_id, settled.plugin_id, settled.attempt,
                      settled.ended_at_ms - it.duration_ms, settled.ended_at_ms, it.duration_ms,
                      outcome, error);
    if (it.outcome != Outcome::kDelivered && !it.traceback.empty()) {
        keep_traceback_.run(it.alert_id, settled.plugin_id, settled.attempt,
                            cut(it.traceback, kMaxTraceback));
    }
    lease_changes_[settled.lease_id].removed.push_back(it.alert_id);
}

void Tables::give_back(std::int64_t lease_id, std::int64_t alert_id) {
    changed_ = true;
    lease_changes_[lease_id].removed.push_back(alert_id);
}

std::int64_t Tables::write_state(const PendingWrite& write) {
    changed_ = true;
    return state_.write(write);
}

Tables::Pruned Tables::prune(std::int64_t cursor, std::int64_t retention_ms) {
    write_rows();  // an alert that was just settled can be pruned, with its attempt
    Pruned result{0, cursor, false};
    std::vector<std::int64_t> delivered;
    {
        Rows rows = find_old_.query(cursor, kPruneRows);
        std::int64_t seen = 0;
        std::int64_t bytes = 0;
        while (!result.more && rows.next() && rows.integer(1) < now_ms_ - retention_ms) {
            result.cursor = rows.integer(0);
            bytes += rows.integer(3);
            result.more = ++seen == kPruneRows || bytes >= kPruneBytes;
            if (rows.integer(2) == 0) {
                delivered.push_back(result.cursor);
            }
        }
    }
    for (const std::int64_t alert_id : delivered) {
        changed_ = true;
        delete_attempts_.run(alert_id);
        delete_tracebacks_.run(alert_id);
        delete_alert_.run(alert_id);
        --next_.counts.alerts;
        ++result.pruned;
    }
    return result;
}

Tables::Edit Tables::edit() {
    changed_ = true;
    write_rows();  // the changed rows may be among them
    return {database_, now_ms_, next_.counts};
}

void Tables::write_rows() {
    alert_rows_.write();
    delivery_rows_.write();
    attempt_rows_.write();
    delete_delivered();
}

/// Delete by ranges, since the alerts of a plugin's batch mostly have consecutive numbers. All
/// numbers of a range are in the list.
void Tables::delete_delivered() {
    std::sort(delivered_.begin(), delivered_.end());
    for (auto first = delivered_.begin(); first != delivered_.end();) {
        auto last = first;
        auto next = first + 1;
        while (next != delivered_.end() && next->first == last->first &&
               next->second == last->second + 1) {
            last = next++;
        }
        delete_deliveries_.run(first->first, first->second, last->second);
        first = next;
    }
    delivered_.clear();
}

void Tables::write_leases() {
    for (auto& [id, change] : lease_changes_) {
        const auto known = leases_.find(id);
        if (change.added) {
            leases_.try_emplace(id);  // now, because it must not fail after the COMMIT
            change.left = std::move(*change.added);
        } else if (known != leases_.end()) {
            change.left = known->second;
        }
        if (change.removed.empty()) {
            continue;
        }
        std::sort(change.removed.begin(), change.removed.end());
        std::erase_if(change.left, [&removed = change.removed](std::int64_t alert_id) {
            return std::binary_search(removed.begin(), removed.end(), alert_id);
        });
        if (change.left.empty()) {
            delete_lease_.run(id);
        } else {
            const std::string bytes = pack_ids(change.left);
            update_lease_.run(id, Blob{bytes});
        }
    }
}

void Tables::write_meta() {
    set_meta_.run(std::string_view("clock_ms"), now_ms_);
    set_meta_.run(std::string_view("commits"), commits_ + 1);
    if (folded_ms_ != 0) {
        set_meta_.run(std::string_view("folded_ms"), folded_ms_);
    }
    if (next_.last_alert_id != totals_.last_alert_id) {
        set_meta_.run(std::string_view("last_alert_id"), next_.last_alert_id);
    }
    if (next_.counts.alerts != totals_.counts.alerts) {
        set_meta_.run(std::string_view("alerts"), next_.counts.alerts);
    }
    if (next_.counts.open != totals_.counts.open) {
        set_meta_.run(std::string_view("open"), next_.counts.open);
    }
    if (next_.counts.dead != totals_.counts.dead) {
        set_meta_.run(std::string_view("dead"), next_.counts.dead);
    }
}

void Tables::publish() {
    alerts_.store(totals_.counts.alerts, std::memory_order_relaxed);
    open_.store(totals_.counts.open, std::memory_order_relaxed);
    dead_.store(totals_.counts.dead, std::memory_order_relaxed);
    for (std::size_t kind = 0; kind < quarantined_.size(); ++kind) {
        quarantined_[kind].store(totals_.counts.quarantined.by_kind[kind],
                                 std::memory_order_relaxed);
    }
}

Counts Tables::counts() const noexcept {
    Counts counts{alerts_.load(std::memory_order_relaxed),
                  open_.load(std::memory_order_relaxed),
                  dead_.load(std::memory_order_relaxed),
                  {}};
    for (std::size_t kind = 0; kind < quarantined_.size(); ++kind) {
        counts.quarantined.by_kind[kind] = quarantined_[kind].load(std::memory_order_relaxed);
    }
    return counts;
}

}  // namespace incm::inbox::sqlite
