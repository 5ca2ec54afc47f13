#include "incm/inbox/taker.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "incm/inbox/errors.h"
#include "incm/inbox/operations.h"

namespace incm::inbox {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Long enough for everybody, and far from where a sum of times overflows.
constexpr std::int64_t kLongestWaitMs = 24LL * 60 * 60 * 1000;

SteadyTime in(std::int64_t delay_ms) {
    return std::chrono::steady_clock::now() +
           std::chrono::milliseconds(std::clamp<std::int64_t>(delay_ms, 0, kLongestWaitMs));
}

base::Error unreadable(const SqlError& error) {
    return {base::ErrorCode::kStoreFailed,
            std::string("the inbox cannot be read: ") + error.what()};
}

}  // namespace

std::vector<Delivery> mix(std::vector<Delivery> retries, std::vector<Delivery>& fresh,
                          std::size_t limit, bool retry_first) {
    std::size_t old_ones = std::min(retries.size(), limit);
    if (!fresh.empty()) {
        const std::size_t share = limit >= 2 ? limit / 2 : (retry_first ? 1 : 0);
        const std::size_t unfilled = limit - std::min(fresh.size(), limit - std::min(share, limit));
        old_ones = std::min(retries.size(), std::max(share, std::min(unfilled, limit)));
    }
    const std::size_t new_ones = std::min(fresh.size(), limit - old_ones);
    std::vector<Delivery> picked;
    picked.reserve(old_ones + new_ones);
    for (std::size_t i = 0; i < std::max(old_ones, new_ones); ++i) {
        if (i < old_ones) {
            picked.push_back(std::move(retries[i]));
        }
        if (i < new_ones) {
            picked.push_back(std::move(fresh[i]));
        }
    }
    fresh.erase(fresh.begin(), fresh.begin() + static_cast<std::ptrdiff_t>(new_ones));
    return picked;
}

Taker::Taker(const std::string& path, DeliveryKeys keys, const InboxClock& clock, Writer& writer)
    : keys_(std::move(keys)),
      clock_(clock),
      writer_(writer),
      reader_(std::make_unique<Reader>(path)) {}

base::Result<Progress> Taker::progress(std::int64_t alert_id,
                                       std::span<const std::int64_t> plugin_ids) {
    const std::lock_guard lock(selecting_);
    if (!reader_) {
        return closed_error();
    }
    try {
        return reader_->progress(alert_id, plugin_ids);
    } catch (const SqlError& error) {
        return unreadable(error);
    }
}

void Taker::close() {
    const std::lock_guard lock(selecting_);
    reader_.reset();
}

base::Result<std::vector<Delivery>> Taker::take(DeliveryQueue& queue, std::size_t max_items,
                                                std::int64_t timeout_ms) {
    const SteadyTime deadline = in(timeout_ms);
    for (bool last = timeout_ms <= 0;;) {
        const std::uint64_t version = queue.version();
        Selection selection;
        try {
            selection = select(queue, max_items);
        } catch (const SqlError& error) {
            // Whoever woke this thread may have meant one of several.
            queue.arrived(false);
            return unreadable(error);
        }
        if (selection.closed || queue.closed()) {
            // A lease that is not on disk yet needs no end.
            for (const Delivery& delivery : selection.deliveries) {
                queue.put_back(delivery.alert_id);
            }
            return closed_error();
        }
        if (!selection.deliveries.empty()) {
            return lease(queue, std::move(selection));
        }
        if (last || queue.hurried()) {
            return std::vector<Delivery>{};
        }
        SteadyTime until = deadline;
        if (selection.next_due_ms != Reader::kNever) {
            until = std::min(until, in(selection.next_due_ms - clock_.now_ms()));
        }
        queue.wait(version, until);
        // One more look after the deadline: an arrival may have woken this thread alone.
        last = std::chrono::steady_clock::now() >= deadline;
    }
}

void Taker::prepare(DeliveryQueue& queue) {
    if (!queue.by_device()) {
        return;
    }
    const std::lock_guard lock(selecting_);
    reader_->offer_waiting(queue.id(),
                           [&](std::int64_t alert_id, std::int64_t, const std::string& device) {
                               queue.note_waiting(alert_id, device);
                               return false;
                           });
}

Taker::Selection Taker::select(DeliveryQueue& queue, std::size_t max_items) {
    Selection selection;
    const std::lock_guard lock(selecting_);
    if (!reader_) {
        selection.closed = true;
        return selection;
    }
    const DeliveryQueue::Start start = queue.begin_selection(max_items);
    Reader::Fresh fresh{{}, start.cursor};
    try {
        const std::int64_t now_ms = clock_.now_ms();
        const Transaction snapshot = reader_->snapshot();
        Reader::Retries retries = reader_->retries(
            queue.id(), now_ms, max_items,
            [&](std::int64_t alert_id, std::int64_t attempts, const std::string& device) {
                return queue.admit(alert_id, attempts, device);
            });
        selection.next_due_ms = retries.next_due_ms;
        fresh = this->fresh(queue, start, max_items, now_ms);
        selection.deliveries =
            mix(std::move(retries.due), fresh.found, max_items, start.retry_first);
    } catch (const SqlError&) {
        queue.cancel(start);
        throw;
    }
    name(queue, selection.deliveries);
    selection.lease_id = ++last_lease_id_;
    queue.mark(selection.deliveries, fresh.found, fresh.cursor, selection.lease_id);
    return selection;
}

/// First those that their lanes held back, then new rows.
Reader::Fresh Taker::fresh(DeliveryQueue& queue, const DeliveryQueue::Start& start,
                           std::size_t limit, std::int64_t now_ms) {
    std::vector<Delivery> found;
    for (const std::int64_t alert_id : start.next) {
        std::optional<Delivery> delivery = reader_->find(queue.id(), alert_id, now_ms);
        if (!delivery) {
            throw SqlError::contradiction("the delivery of alert " + std::to_string(alert_id) +
                                          " is missing");
        }
        found.push_back(*std::move(delivery));
    }
    Reader::Fresh fresh{{}, start.cursor};
    if (found.size() < limit) {
        fresh = reader_->fresh(
            queue.id(), start.cursor, now_ms, limit - found.size(),
            [&](std::int64_t alert_id, std::int64_t attempts, const std::string& device) {
                return queue.admit(alert_id, attempts, device);
            });
    }
    fresh.found.insert(fresh.found.begin(), std::make_move_iterator(found.begin()),
                       std::make_move_iterator(found.end()));
    return fresh;
}

void Taker::name(const DeliveryQueue& queue, std::vector<Delivery>& deliveries) const {
    for (Delivery& delivery : deliveries) {
        delivery.plugin = queue.name();
        delivery.key = keys_.key(delivery, queue.name());
    }
}

base::Result<std::vector<Delivery>> Taker::lease(DeliveryQueue& queue, Selection selection) {
    std::vector<std::int64_t> alert_ids;
    alert_ids.reserve(selection.deliveries.size());
    for (const Delivery& delivery : selection.deliveries) {
        alert_ids.push_back(delivery.alert_id);
    }
    Lease operation(selection.lease_id, queue.id(), clock_.wall_ms(), alert_ids);
    // There may be more than this thread takes; the next one can look while this one waits.
    queue.arrived(false);
    const base::Status done = writer_.run(operation);
    if (!done) {
        for (const std::int64_t alert_id : alert_ids) {
            queue.put_back(alert_id);
        }
        queue.arrived(false);
        return done.error();
    }
    return std::move(selection.deliveries);
}

}  // namespace incm::inbox
