#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/sqlite.h"

namespace incm::inbox {

/// The questions of take(), asked on the read-only connection.
///
/// Errors:  SqlError. Threads: one at a time.
class Reader {
 public:
    explicit Reader(const std::string& path);

    /// One snapshot for all questions of a selection: and one lock instead of one a question.
    [[nodiscard]] Transaction snapshot() { return {*database_, false}; }

    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
    struct Retries {
        std::vector<Pick> due;              ///< longest due first
        std::int64_t next_due_ms = kNever;  ///< of the first that is not due yet; inbox clock
    };
    /// Up to `limit` retries due at now_ms that are not taken.
    [[nodiscard]] Retries retries(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                                  const std::function<bool(std::int64_t)>& taken);
    /// Up to `limit` deliveries never attempted of alerts above `cursor`, oldest first.
    void fresh(std::int64_t plugin_id, std::int64_t cursor, std::size_t limit,
               std::vector<Pick>& into);
    /// Fill received_at_ms, age_ms, endpoint and text of an alert that has a delivery.
    void load(std::int64_t plugin_id, std::int64_t alert_id, std::int64_t now_ms, Delivery& into);

 private:
    std::unique_ptr<Database> database_;
    Statement retries_, fresh_, alert_;
};

}  // namespace incm::inbox
