#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/bulk_insert.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/dedupe_index.h"
#include "incm/inbox/sqlite/quarantine_table.h"

namespace incm::inbox::sqlite {

/// One settlement with what the queue in memory knew of its delivery.
struct Settled {
    std::int64_t plugin_id;
    std::int64_t lease_id;
    std::int64_t attempt;  ///< the one that is settled; 1 for the first
    std::int64_t due_at_ms;
    std::int64_t ended_at_ms;  ///< wall clock
    Settlement settlement;
};

/// The changes to the rows, all made on the writing connection.
///
/// What is kept in memory beside the rows (numbers, totals, open leases) changes with commit() and
/// only then. Most rows are written by commit(), many with a statement: alerts and settlements are
/// not copied, and must live until commit() or rollback().
/// Errors:  every method that is not noexcept throws SqlError; rollback() is due then.
/// Threads: the writer thread; counts() any.
class Tables {
 public:
    /// The database is migrated, has no leases and no key left out of the index; reads the totals.
    explicit Tables(Database& database);

    /// Times are of the inbox clock unless they are called wall.
    void begin(std::int64_t now_ms);
    /// Without a change since begin() nothing is written. Returns when the log is on disk.
    void commit();
    void rollback() noexcept;
    /// Whether the transaction since the last begin() has something to write.
    [[nodiscard]] bool writes() const noexcept { return changed_; }
    /// Have it write, though nothing else is changed.
    void touch() noexcept { changed_ = true; }
    /// All that was committed is in the file itself now; the next commit says so (session.h).
    void folded() noexcept { folded_ms_ = written_ms_; }

    Stored append(const NewAlert& alert, std::span<const std::int64_t> plugin_ids);
    void quarantine(const QuarantinedRequest& rejected);
    /// False when there is none of this number in the quarantine.
    bool drop_rejected(std::int64_t id);
    /// lease_id: one never used before.
    void lease(std::int64_t lease_id, std::int64_t plugin_id, std::int64_t wall_ms,
               std::span<const std::int64_t> alert_ids);
    void settle(const Settled& settled);
    void give_back(std::int64_t lease_id, std::int64_t alert_id);

    struct Pruned {
        std::int64_t pruned;  ///< alerts
        std::int64_t cursor;  ///< the last one that was looked at
        bool more;            ///< perhaps
    };
    /// Delete alerts above `cursor` that were stored longer ago than retention_ms, unless a
    /// delivery of them is not made; their attempts and tracebacks go with them, their dedupe keys
    /// stay. One call does a few milliseconds' work.
    [[nodiscard]] Pruned prune(std::int64_t cursor, std::int64_t retention_ms);

    [[nodiscard]] Counts counts() const noexcept;
    /// The number of the last commit that wrote something.
    [[nodiscard]] std::int64_t commits() const noexcept { return commits_; }

    /// What a change that is made elsewhere (operator_change.h) works with, in this transaction, at
    /// once. Rows of before are written; append() and settle() have their rows written later.
    struct Edit {
        Database& database;
        std::int64_t now_ms;
        Counts& counts;  ///< to be kept right
    };
    [[nodiscard]] Edit edit();

 private:
    /// What commit() publishes.
    struct Totals {
        std::int64_t last_alert_id = 0;
        Counts counts{};
    };
    /// What a transaction does to one lease.
    struct LeaseChange {
        std::optional<std::vector<std::int64_t>> added;
        std::vector<std::int64_t> removed;
        std::vector<std::int64_t> left;
    };

    [[nodiscard]] std::int64_t insert(const NewAlert& alert,
                                      std::span<const std::int64_t> plugin_ids);
    void write_rows();
    void delete_delivered();
    void write_leases();
    void write_meta();
    void publish();

    Database& database_;
    std::int64_t now_ms_ = 0;
    bool changed_ = false;
    std::int64_t commits_;
    std::int64_t written_ms_ = 0;  ///< of the last commit that wrote something
    std::int64_t folded_ms_ = 0;   ///< to be said with the next one; 0: nothing new
    Totals totals_;
    Totals next_;
    std::unordered_map<std::int64_t, std::vector<std::int64_t>> leases_;
    std::unordered_map<std::int64_t, LeaseChange> lease_changes_;

    std::atomic<std::int64_t> alerts_{0};
    std::atomic<std::int64_t> open_{0};
    std::atomic<std::int64_t> dead_{0};
    std::array<std::atomic<std::int64_t>, kQuarantineKinds.size()> quarantined_{};

    Statement begin_, commit_;
    Statement set_meta_;
    /// id, endpoint, received_at_ms, form, type, device, text, stored_at_ms
    BulkInsert<std::int64_t, std::string_view, std::int64_t, std::string_view, std::string_view,
               std::string_view, Blob, std::int64_t>
        alert_rows_;
    /// plugin_id, alert_id, created_at_ms, due_at_ms
    BulkInsert<std::int64_t, std::int64_t, std::int64_t, std::int64_t> delivery_rows_;
    /// alert_id, plugin_id, attempt, started_at_ms, ended_at_ms, duration_ms, outcome, error
    BulkInsert<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
               std::string_view, std::optional<std::string_view>>
        attempt_rows_;
    std::vector<std::pair<std::int64_t, std::int64_t>> delivered_;  ///< plugin, alert: to delete
    Statement delete_deliveries_, retry_delivery_, kill_delivery_;
    Statement insert_lease_, update_lease_, delete_lease_;
    Statement keep_traceback_;
    Statement find_old_, delete_attempts_, delete_tracebacks_, delete_alert_;
    DedupeIndex seen_;
    QuarantineTable rejected_;
};

}  // namespace incm::inbox::sqlite
