#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/delivery_keys.h"
#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/inbox.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/reader.h"
#include "incm/inbox/writer.h"

namespace incm::inbox {

/// Mix retries and fresh deliveries in fair turns.
///
/// Shape:   up to `limit`; retries get half of it at most (at least one) while there are fresh
///          ones; what one kind leaves, the other fills. With room for one, retry_first decides.
///          The kinds alternate in the result, each in its own order; `fresh` keeps what was not
///          used.
/// Threads: any.
[[nodiscard]] std::vector<Delivery> mix(std::vector<Delivery> retries, std::vector<Delivery>& fresh,
                                        std::size_t limit, bool retry_first);

/// Picks due deliveries, leases them through the writer and hands them out.
///
/// Threads: any.
class Taker {
 public:
    /// The references must outlive the taker.
    Taker(const std::string& path, DeliveryKeys keys, const InboxClock& clock, Writer& writer);

    /// Fill the lanes of a plugin that is by_device, before the first take() of it. Errors:
    /// SqlError.
    void prepare(DeliveryQueue& queue);

    /// As Inbox::take().
    [[nodiscard]] base::Result<std::vector<Delivery>> take(DeliveryQueue& queue,
                                                           std::size_t max_items,
                                                           std::int64_t timeout_ms);
    /// How far these plugins are with an alert. Errors: kStoreFailed, kClosed.
    [[nodiscard]] base::Result<Progress> progress(std::int64_t alert_id,
                                                  std::span<const std::int64_t> plugin_ids);
    /// Close the reading connection; take() answers kClosed from now on.
    void close();

 private:
    struct Selection {
        std::vector<Delivery> deliveries;
        std::int64_t lease_id = 0;
        std::int64_t next_due_ms = Reader::kNever;
        bool closed = false;
    };

    [[nodiscard]] Selection select(DeliveryQueue& queue, std::size_t max_items);
    [[nodiscard]] Reader::Fresh fresh(DeliveryQueue& queue, const DeliveryQueue::Start& start,
                                      std::size_t limit, std::int64_t now_ms);
    void name(const DeliveryQueue& queue, std::vector<Delivery>& deliveries) const;
    [[nodiscard]] base::Result<std::vector<Delivery>> lease(DeliveryQueue& queue,
                                                            Selection selection);

    const DeliveryKeys keys_;
    const InboxClock& clock_;
    Writer& writer_;
    std::mutex selecting_;
    std::unique_ptr<Reader> reader_;
    std::int64_t last_lease_id_ = 0;  ///< leases do not outlive the process that made them
};

}  // namespace incm::inbox
