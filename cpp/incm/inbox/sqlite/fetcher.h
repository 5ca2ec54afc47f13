#pragma once

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/delivery_keys.h"
#include "incm/inbox/sqlite/reader_pool.h"
#include "incm/inbox/sqlite/store_state.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// Picks due deliveries, leases them through the writer, and returns them.
///
/// Threads: any.
class Fetcher {
 public:
    /// The references must outlive the fetcher.
    Fetcher(const std::string& path, DeliveryKeys keys, const InboxClock& clock, Writer& writer,
            StoreState& state);

    /// Implements Inbox::fetch().
    [[nodiscard]] base::Result<std::vector<Delivery>> fetch(DeliveryQueue& queue,
                                                            const Wanted& wanted,
                                                            std::int64_t timeout_ms);
    /// Return how far these plugins are with an alert. Errors: kStoreFailed, kClosed.
    [[nodiscard]] base::Result<Progress> progress(std::int64_t alert_id,
                                                  std::span<const std::int64_t> plugin_ids);
    /// Close the reading connections; fetch() fails with kClosed from now on.
    void close();

 private:
    struct Selected {
        std::vector<Delivery> deliveries;
        std::int64_t lease_id = 0;
        std::int64_t next_due_ms = Reader::kNever;
        bool unfinished = false;
        bool closed = false;
    };

    void select(DeliveryQueue& queue, const Wanted& wanted, Selected& selected);
    [[nodiscard]] base::Status lease(DeliveryQueue& queue, const Selected& selected);

    const DeliveryKeys keys_;
    const InboxClock& clock_;
    Writer& writer_;
    StoreState& state_;
    ReaderPool readers_;
    std::atomic<std::int64_t> last_lease_id_ = 0;  ///< leases do not outlive their process
};

}  // namespace incm::inbox::sqlite
