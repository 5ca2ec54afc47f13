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
#include "incm/inbox/sqlite/outage_table.h"
#include "incm/inbox/sqlite/quarantine_table.h"
#include "incm/inbox/sqlite/state_table.h"

namespace incm::inbox::sqlite {

/// A settlement, with the data of its delivery from the queue in memory.
struct Settled {
    std::int64_t plugin_id;
    std::int64_t lease_id;
    std::int64_t attempt;  ///< the settled attempt; 1 for the first
    std::int64_t due_at_ms;
    std::int64_t ended_at_ms;  ///< wall clock
    Settlement settlement;
};

/// Makes all changes to the rows, on the writing connection.
///
/// The data in memory (numbers, totals, open leases) changes only with commit(). Most rows are
/// written by commit(), many with each statement. Alerts and settlements are not copied, and must
/// live until commit() or rollback().
/// Errors:  every method that is not noexcept throws SqlError; call rollback() then.
/// Threads: the writer thread; counts(): any.
class Tables {
 public:
    /// Read the totals. The database must be migrated, have no leases, and have every dedupe key in
    /// the index.
    explicit Tables(Database& database);

    /// Begin a transaction. Times are by the inbox clock unless their name says wall.
    void begin(std::int64_t now_ms);
    /// Commit, and return when the log is on disk. Writes nothing when there was no change since
    /// begin().
    void commit();
    void rollback() noexcept;
    /// The time of the last begin().
    [[nodiscard]] std::int64_t now_ms() const noexcept { return now_ms_; }
    /// Whether the transaction since the last begin() has something to write.
    [[nodiscard]] bool writes() const noexcept { return changed_; }
    /// Have the transaction write, even if nothing else is changed.
    void touch() noexcept { changed_ = true; }
    /// Report that all commits are now in the file itself; the next commit records it (session.h).
    void folded() noexcept { folded_ms_ = written_ms_; }

    Stored append(const NewAlert& alert, std::span<const std::int64_t> plugin_ids);
    void quarantine(const QuarantinedRequest& rejected);
    /// False when the quarantine has no request with this number.
    bool drop_rejected(std::int64_t id);
    /// lease_id: must not have been used before.
    void lease(std::int64_t lease_id, std::int64_t plugin_id, std::int64_t wall_ms,
               std::span<const std::int64_t> alert_ids);
    void settle(const Settled& settled);
    void give_back(std::int64_t lease_id, std::int64_t alert_id);
    /// Returns how many of the keys were there before.
    std::int64_t write_state(const PendingWrite& write);

    struct Pruned {
        std::int64_t pruned;  ///< alerts
        std::int64_t cursor;  ///< the last alert that was checked
        bool more;            ///< whether there may be more
    };
    /// Delete alerts above `cursor` that were stored longer ago than retention_ms, unless they have
    /// an open delivery or a dead letter. Their attempts and tracebacks are deleted with them,
    /// their dedupe keys stay. One call works for a few milliseconds.
    [[nodiscard]] Pruned prune(std::int64_t cursor, std::int64_t retention_ms);

    [[nodiscard]] Counts counts() const noexcept;
    /// The number of the last commit that wrote something.
    [[nodiscard]] std::int64_t commits() const noexcept { return commits_; }

    /// Access for a change that is made elsewhere (operator_change.h), at once, within this
    /// transaction. Rows of earlier changes are written before; append() and settle() have their
    /// rows written later.
    struct Edit {
        Database& database;
        std::int64_t now_ms;
        Counts& counts;  ///< the change must update them
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
    std::int64_t folded_ms_ = 0;   ///< to record with the next one; 0: nothing new
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
    /// id, endpoint, received_at_ms, form, type, device, text, stored_at_ms, trace
    BulkInsert<std::int64_t, std::string_view, std::int64_t, std::string_view, std::string_view,
               std::string_view, Blob, std::int64_t, std::optional<std::string_view>>
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
    OutageTable outages_;
    QuarantineTable rejected_;
    StateTable state_;
};

}  // namespace incm::inbox::sqlite
