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

/// A person's change of some deliveries, as one Operation.
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
    /// How many were changed; those that were not in the state for it stay as they are.
    [[nodiscard]] std::int64_t changed() const noexcept { return changed_; }

 private:
    class Rewrite;

    const OperatorAction how_;
    const std::int64_t wall_ms_;
    const std::vector<Item> items_;
    std::int64_t changed_ = 0;
    /// Queues with something new, and the numbers of what they cannot find by themselves: made here
    /// because committed() may not fail.
    std::map<DeliveryQueue*, std::list<std::vector<std::int64_t>>> offered_;
};

}  // namespace incm::inbox::sqlite
