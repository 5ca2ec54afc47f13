#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
    /// Whether a row may be taken: alert, attempts made before, device.
    using Admit = std::function<bool(std::int64_t, std::int64_t, const std::string&)>;

    struct Retries {
        std::vector<Delivery> due;          ///< longest due first
        std::int64_t next_due_ms = kNever;  ///< of the first that is not due yet; inbox clock
    };
    /// Up to `limit` admitted deliveries that were attempted before and are due at now_ms.
    [[nodiscard]] Retries retries(std::int64_t plugin_id, std::int64_t now_ms, std::size_t limit,
                                  const Admit& admit);

    struct Fresh {
        std::vector<Delivery> found;  ///< oldest first
        std::int64_t cursor;          ///< the last row that was looked at
    };
    /// Up to `limit` admitted deliveries never attempted of alerts above `cursor`.
    [[nodiscard]] Fresh fresh(std::int64_t plugin_id, std::int64_t cursor, std::int64_t now_ms,
                              std::size_t limit, const Admit& admit);
    /// One open delivery; empty when there is none.
    [[nodiscard]] std::optional<Delivery> find(std::int64_t plugin_id, std::int64_t alert_id,
                                               std::int64_t now_ms);
    /// How far these plugins are with an alert.
    [[nodiscard]] Progress progress(std::int64_t alert_id,
                                    std::span<const std::int64_t> plugin_ids);
    /// Offer every delivery that waits for a retry, due or not.
    void offer_waiting(std::int64_t plugin_id, const Admit& admit);

 private:
    std::unique_ptr<Database> database_;
    Statement retries_, fresh_, one_, dead_;
};

}  // namespace incm::inbox
