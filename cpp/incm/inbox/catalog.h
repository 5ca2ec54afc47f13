#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/catalog_records.h"
#include "incm/inbox/kept_state.h"
#include "incm/inbox/quarantined_request.h"
#include "incm/inbox/records.h"
#include "incm/inbox/statistics.h"

namespace incm::inbox {

/// Answers the questions that people ask about an inbox. A long question delays other questions,
/// and no delivery.
///
/// Errors:  kStoreFailed when the inbox cannot be read. kClosed.
/// Threads: any.
class Catalog {
 public:
    Catalog() = default;
    Catalog(const Catalog&) = delete;
    Catalog& operator=(const Catalog&) = delete;
    virtual ~Catalog() = default;

    /// One page of alerts. Times are found by halving: of alerts that came while the wall clock was
    /// wrong, some may be missing.
    [[nodiscard]] virtual base::Result<AlertPage> alerts(const AlertQuery& query) = 0;
    /// One alert with its history; empty when no alert has this number, or it was pruned.
    [[nodiscard]] virtual base::Result<std::optional<AlertHistory>> alert(std::int64_t id) = 0;
    [[nodiscard]] virtual base::Result<UndeliveredPage> undelivered(
        const UndeliveredQuery& query) = 0;
    [[nodiscard]] virtual base::Result<Statistics> statistics() = 0;
    /// Count what is stored, row by row: an inbox that is only read knows no totals.
    [[nodiscard]] virtual base::Result<Counts> counts() = 0;
    /// The name of every plugin that the inbox was ever opened with.
    [[nodiscard]] virtual base::Result<std::vector<std::string>> plugins() = 0;
    /// Whether this delivery has still to be made.
    [[nodiscard]] virtual base::Result<bool> is_open(const std::string& plugin,
                                                     std::int64_t alert_id) = 0;

    /// The sizes of the states of all plugins that have one, by name.
    [[nodiscard]] virtual base::Result<std::vector<StateTotals>> states() = 0;
    /// One page of a plugin's state, as it is on disk.
    [[nodiscard]] virtual base::Result<StatePage> state(const StateQuery& query) = 0;

    /// One page of the quarantine.
    [[nodiscard]] virtual base::Result<RejectedPage> quarantine(const RejectedQuery& query) = 0;
    /// One request of the quarantine with its body; empty when no request has this number.
    [[nodiscard]] virtual base::Result<std::optional<StoredRejected>> rejected(std::int64_t id) = 0;
};

}  // namespace incm::inbox
