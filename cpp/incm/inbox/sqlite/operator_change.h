#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/operator_action.h"
#include "incm/inbox/sqlite/tables.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// An operator's change of some deliveries, as one Operation.
class OperatorChange final : public Operation {
 public:
    struct Item {
        DeliveryQueue* queue;  ///< null when the plugin is not configured
        DeliveryName delivery;
    };
    /// wall_ms: for the ledger.
    OperatorChange(OperatorAction how, std::int64_t wall_ms, std::vector<Item> items)
        : how_(how), wall_ms_(wall_ms), items_(std::move(items)) {}

    void execute(Tables& tables) override;
    void committed() noexcept override;
    /// The number of changed deliveries; a delivery that is not in the state for the action stays
    /// as it is.
    [[nodiscard]] std::int64_t changed() const noexcept { return changed_; }

 private:
    class Rewrite;

    const OperatorAction how_;
    const std::int64_t wall_ms_;
    const std::vector<Item> items_;
    std::int64_t changed_ = 0;
    /// Queues with a new delivery, and the alert numbers that they cannot find by themselves.
    /// Filled by execute(), because committed() must not fail.
    std::map<DeliveryQueue*, std::list<std::vector<std::int64_t>>> offered_;
};

}  // namespace incm::inbox::sqlite
