#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/log.h"
#include "incm/inbox/completion_waiters.h"
#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/pending_state.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite {

/// Stores the settlements of fetched deliveries. A settlement that can never be stored is logged;
/// its delivery stays leased, so that it is made again after the next start.
class Settle final : public Operation {
 public:
    using Item = std::pair<DeliveryQueue*, Settled>;

    Settle(CompletionWaiters& watches, base::LogSink& log) : watches_(watches), log_(log) {}
    /// Reserve memory, so that add() needs none for this many items. Errors: bad_alloc.
    void reserve(std::size_t items) { items_.reserve(items); }
    void add(Item item) { items_.push_back(std::move(item)); }
    /// Store these changes with the settlements; null: none.
    void change_state(std::shared_ptr<PendingWrite> state) noexcept { state_ = std::move(state); }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

    void execute(Tables& tables) override;
    void committed() noexcept override;
    void failed(const base::Error& error) noexcept override;
    [[nodiscard]] List parts() const override;

 private:
    CompletionWaiters& watches_;
    base::LogSink& log_;
    std::vector<Item> items_;
    std::shared_ptr<PendingWrite> state_;
    std::int64_t now_ms_ = 0;  ///< of its transaction, by the inbox clock
};

/// Ends the leases of deliveries that were not attempted.
class GiveBack final : public Operation {
 public:
    struct Item {
        std::int64_t lease_id;
        std::int64_t alert_id;
    };

    GiveBack(std::string plugin, base::LogSink& log) : plugin_(std::move(plugin)), log_(log) {}
    /// Reserve memory, so that add() needs none for this many items. Errors: bad_alloc.
    void reserve(std::size_t items) { items_.reserve(items); }
    void add(Item item) { items_.push_back(item); }
    [[nodiscard]] std::span<const Item> items() const noexcept { return items_; }

    void execute(Tables& tables) override;
    void failed(const base::Error& error) noexcept override;
    [[nodiscard]] List parts() const override;

 private:
    const std::string plugin_;
    base::LogSink& log_;
    std::vector<Item> items_;
};

}  // namespace incm::inbox::sqlite
