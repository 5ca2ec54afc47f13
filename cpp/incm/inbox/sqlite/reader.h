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

/// The questions of take(), asked on the read-only connection.
///
/// Errors:  SqlError. Threads: one at a time.
class Reader {
 public:
    explicit Reader(const std::string& path);

    /// One snapshot for all questions of a selection: and one lock instead of one a question.
    [[nodiscard]] Transaction snapshot() { return {*database_, false}; }

    static constexpr std::int64_t kNever = DeviceLanes::kNever;

    /// A delivery's row and its alert, of which only what is asked for is read.
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
    /// Goes on to the next row while it returns true.
    using Visit = std::function<bool(const Row&)>;

    /// The open deliveries of alerts above `cursor`, oldest first; only those never attempted when
    /// fresh_only. False when a visit returned it, so that there may be more.
    [[nodiscard]] bool scan(std::int64_t plugin_id, std::int64_t cursor, std::int64_t now_ms,
                            bool fresh_only, const Visit& visit);
    /// No alert that is stored later has a lower number.
    [[nodiscard]] std::int64_t last_alert_id();
    /// One delivery; not visited when there is none, or it is not open.
    void find(std::int64_t plugin_id, std::int64_t alert_id, std::int64_t now_ms,
              const Visit& visit);

    struct Due {
        std::vector<Turn> turns;            ///< longest due first
        std::int64_t next_due_ms = kNever;  ///< of the first that is not due yet; inbox clock
    };
    /// Up to `limit` deliveries that were attempted before and are due at now_ms, without those
    /// that `skipped` says.
    [[nodiscard]] Due due(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                          const std::function<bool(std::int64_t)>& skipped);
    /// How far these plugins are with an alert.
    [[nodiscard]] Progress progress(std::int64_t alert_id,
                                    std::span<const std::int64_t> plugin_ids);

 private:
    std::unique_ptr<Database> database_;
    Statement due_, fresh_, open_, last_, one_, dead_;
};

}  // namespace incm::inbox::sqlite
