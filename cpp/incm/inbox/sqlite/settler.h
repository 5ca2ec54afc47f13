#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "incm/base/log.h"
#include "incm/inbox/completion_waiters.h"
#include "incm/inbox/delivery_queues.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/sqlite/pending_state.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// Ends the leases of fetched deliveries, through the writer.
///
/// Threads: any.
class Settler {
 public:
    /// The references must outlive this object.
    Settler(DeliveryQueues& queues, const InboxClock& clock, CompletionWaiters& watches,
            base::LogSink& log, Writer& writer, PendingState& pending_state)
        : queues_(queues),
          clock_(clock),
          watches_(watches),
          log_(log),
          writer_(writer),
          pending_state_(pending_state) {}

    /// Implements Inbox::settle().
    void settle(std::vector<Settlement> settlements, std::vector<StateChange> state);
    /// Implements Inbox::give_back().
    void give_back(const std::string& plugin, std::span<const std::int64_t> alert_ids) noexcept;

 private:
    void ignored(const char* what, const std::string& plugin, std::int64_t alert_id) noexcept;

    DeliveryQueues& queues_;
    const InboxClock& clock_;
    CompletionWaiters& watches_;
    base::LogSink& log_;
    Writer& writer_;
    PendingState& pending_state_;
};

}  // namespace incm::inbox::sqlite
