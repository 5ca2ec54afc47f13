#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "incm/inbox/device_lanes.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Runs the queries of fetch() on a read-only connection.
///
/// Errors:  SqlError.
/// Threads: one at a time.
class Reader {
 public:
    explicit Reader(const std::string& path);

    /// Begin one snapshot for all queries of a selection; it also takes one lock instead of one for
    /// each query.
    [[nodiscard]] Transaction snapshot() { return {*database_, false}; }

    static constexpr std::int64_t kNever = DeviceLanes::kNever;

    /// The row of a delivery with its alert. Only the requested columns are read.
    class Row {
     public:
        Row(const Rows& rows, std::int64_t now_ms) : rows_(rows), now_ms_(now_ms) {}
        [[nodiscard]] Turn turn() const;
        [[nodiscard]] std::string device() const;
        [[nodiscard]] std::int64_t text_bytes() const;
        /// Without plugin and key.
        [[nodiscard]] Delivery delivery() const;

     private:
        const Rows& rows_;
        const std::int64_t now_ms_;
    };
    /// Called for each row, until it returns false.
    using Visit = std::function<bool(const Row&)>;

    /// Visit the open deliveries of alerts above `cursor`, oldest first; with fresh_only, only
    /// those never attempted. False when visit returned false, so that there may be more.
    [[nodiscard]] bool scan(std::int64_t plugin_id, std::int64_t cursor, std::int64_t now_ms,
                            bool fresh_only, const Visit& visit);
    /// Return the last alert number. No alert that is stored later has a lower one.
    [[nodiscard]] std::int64_t last_alert_id();
    /// Visit one delivery. It is not visited when it does not exist or is not open.
    void find(std::int64_t plugin_id, std::int64_t alert_id, std::int64_t now_ms,
              const Visit& visit);

    struct Due {
        std::vector<Turn> turns;  ///< longest due first
        /// When the first delivery is due that is not due yet; inbox clock.
        std::int64_t next_due_ms = kNever;
    };
    /// Return up to `limit` deliveries that were attempted before and are due at now_ms, without
    /// those for which `skipped` is true.
    [[nodiscard]] Due due(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                          const std::function<bool(std::int64_t)>& skipped);
    /// Return how far these plugins are with an alert.
    [[nodiscard]] Progress progress(std::int64_t alert_id,
                                    std::span<const std::int64_t> plugin_ids);

 private:
    std::unique_ptr<Database> database_;
    Statement due_, fresh_, open_, last_, one_, dead_;
};

}  // namespace incm::inbox::sqlite
