#include "incm/inbox/sqlite/fetcher.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "incm/inbox/errors.h"
#include "incm/inbox/sqlite/operations.h"
#include "incm/inbox/sqlite/selection.h"

namespace incm::inbox::sqlite {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Longer than any caller needs, and far from an overflow of the sum of times.
constexpr std::int64_t kLongestWaitMs = 24LL * 60 * 60 * 1000;

SteadyTime in(std::int64_t delay_ms) {
    return std::chrono::steady_clock::now() +
           std::chrono::milliseconds(std::clamp<std::int64_t>(delay_ms, 0, kLongestWaitMs));
}

/// Returns deliveries that are marked as fetched to the queue, unless they are given to the caller.
class Marked {
 public:
    Marked(DeliveryQueue& queue, const std::vector<Delivery>& deliveries)
        : queue_(queue), deliveries_(deliveries) {}
    Marked(const Marked&) = delete;
    Marked& operator=(const Marked&) = delete;
    ~Marked() {
        for (const Delivery& delivery : deliveries_) {
            queue_.put_back(delivery.alert_id);
        }
        if (!deliveries_.empty()) {
            queue_.arrived(false);
        }
    }

 private:
    DeliveryQueue& queue_;
    const std::vector<Delivery>& deliveries_;
};

}  // namespace

Fetcher::Fetcher(const std::string& path, DeliveryKeys keys, const InboxClock& clock,
                 Writer& writer, StoreState& state)
    : keys_(std::move(keys)), clock_(clock), writer_(writer), state_(state), readers_(path) {}

base::Result<Progress> Fetcher::progress(std::int64_t alert_id,
                                         std::span<const std::int64_t> plugin_ids) {
    try {
        const ReaderPool::Loan reader(readers_);
        if (!reader) {
            return closed_error();
        }
        return (*reader).progress(alert_id, plugin_ids);
    } catch (const SqlError& error) {
        return unreadable_error(error);
    }
}

void Fetcher::close() {
    readers_.close();
}

base::Result<std::vector<Delivery>> Fetcher::fetch(DeliveryQueue& queue, const Wanted& wanted,
                                                   std::int64_t timeout_ms) {
    const SteadyTime deadline = in(timeout_ms);
    for (bool last = timeout_ms <= 0;;) {
        const std::uint64_t version = queue.version();
        Selected selected;
        const Marked marked(queue, selected.deliveries);
        try {
            select(queue, wanted, selected);
        } catch (const SqlError& error) {
            // The wake-up of this thread may have been for one of several deliveries.
            queue.arrived(false);
            if (error.damaged()) {
                state_.damaged(error);
            }
            return unreadable_error(error);
        } catch (const std::bad_alloc&) {
            queue.arrived(false);
            throw;
        }
        if (selected.closed || queue.closed()) {
            return closed_error();
        }
        if (!selected.deliveries.empty()) {
            const base::Status leased = lease(queue, selected);
            if (!leased) {
                return leased.error();
            }
            return std::move(selected.deliveries);
        }
        if (selected.unfinished) {
            continue;
        }
        if (last || queue.woken()) {
            return std::vector<Delivery>{};
        }
        SteadyTime until = deadline;
        if (selected.next_due_ms != Reader::kNever) {
            until = std::min(until, in(selected.next_due_ms - clock_.now_ms()));
        }
        queue.wait(version, until);
        // Select once more after the deadline: an arrival may have woken only this thread.
        last = std::chrono::steady_clock::now() >= deadline;
    }
}

void Fetcher::select(DeliveryQueue& queue, const Wanted& wanted, Selected& selected) {
    const std::lock_guard selecting(queue.selecting());
    const ReaderPool::Loan reader(readers_);
    if (!reader) {
        selected.closed = true;
        return;
    }
    queue.begin_selection();
    const Transaction snapshot = (*reader).snapshot();
    const std::int64_t now_ms = clock_.now_ms();
    Selection selection(queue, *reader, now_ms, wanted);
    Selection::Picks picks = selection.run();
    selected.lease_id = ++last_lease_id_;
    selected.next_due_ms = selection.next_due_ms();
    selected.unfinished = selection.unfinished();
    for (auto& [from, delivery] : picks) {
        delivery.age_ms -= queue.outages().within(now_ms - delivery.age_ms, now_ms);
        delivery.plugin = queue.name();
        delivery.key = keys_.key(delivery, queue.name());
    }
    selected.deliveries.reserve(picks.size());
    if (!queue.mark(picks, selected.lease_id)) {
        selected.deliveries.clear();
        selected.unfinished = true;
        return;
    }
    // From here on no memory is allocated.
    for (auto& [from, delivery] : picks) {
        selected.deliveries.push_back(std::move(delivery));
    }
}

base::Status Fetcher::lease(DeliveryQueue& queue, const Selected& selected) {
    std::vector<std::int64_t> alert_ids;
    alert_ids.reserve(selected.deliveries.size());
    for (const Delivery& delivery : selected.deliveries) {
        alert_ids.push_back(delivery.alert_id);
    }
    Lease operation(selected.lease_id, queue.id(), clock_.wall_ms(), std::move(alert_ids));
    // There may be more than this thread takes; the next thread can select while this one waits.
    queue.arrived(false);
    return writer_.run(operation);
}

}  // namespace incm::inbox::sqlite
