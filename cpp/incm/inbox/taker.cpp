#include "incm/inbox/taker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "incm/inbox/errors.h"
#include "incm/inbox/operations.h"
#include "incm/inbox/selection.h"

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

Taker::Taker(const std::string& path, DeliveryKeys keys, const InboxClock& clock, Writer& writer)
    : keys_(std::move(keys)), clock_(clock), writer_(writer), readers_(path) {}

base::Result<Progress> Taker::progress(std::int64_t alert_id,
                                       std::span<const std::int64_t> plugin_ids) {
    try {
        const ReaderPool::Loan reader(readers_);
        if (!reader) {
            return closed_error();
        }
        return (*reader).progress(alert_id, plugin_ids);
    } catch (const SqlError& error) {
        return unreadable(error);
    }
}

void Taker::close() {
    readers_.close();
}

base::Result<std::vector<Delivery>> Taker::take(DeliveryQueue& queue, const Wanted& wanted,
                                                std::int64_t timeout_ms) {
    const SteadyTime deadline = in(timeout_ms);
    for (bool last = timeout_ms <= 0;;) {
        const std::uint64_t version = queue.version();
        Selected selected;
        try {
            selected = select(queue, wanted);
        } catch (const SqlError& error) {
            // Whoever woke this thread may have meant one of several.
            queue.arrived(false);
            return unreadable(error);
        }
        if (selected.closed || queue.closed()) {
            // A lease that is not on disk yet needs no end.
            for (const Delivery& delivery : selected.deliveries) {
                queue.put_back(delivery.alert_id);
            }
            return closed_error();
        }
        if (!selected.deliveries.empty()) {
            return lease(queue, std::move(selected));
        }
        if (selected.unfinished) {
            continue;
        }
        if (last || queue.hurried()) {
            return std::vector<Delivery>{};
        }
        SteadyTime until = deadline;
        if (selected.next_due_ms != Reader::kNever) {
            until = std::min(until, in(selected.next_due_ms - clock_.now_ms()));
        }
        queue.wait(version, until);
        // One more look after the deadline: an arrival may have woken this thread alone.
        last = std::chrono::steady_clock::now() >= deadline;
    }
}

Taker::Selected Taker::select(DeliveryQueue& queue, const Wanted& wanted) {
    Selected selected;
    const std::lock_guard selecting(queue.selecting());
    const ReaderPool::Loan reader(readers_);
    if (!reader) {
        selected.closed = true;
        return selected;
    }
    queue.begin_selection();
    const Transaction snapshot = (*reader).snapshot();
    Selection selection(queue, *reader, clock_.now_ms(), wanted);
    Selection::Picks picks = selection.run();
    selected.lease_id = ++last_lease_id_;
    selected.next_due_ms = selection.next_due_ms();
    selected.unfinished = selection.unfinished();
    selected.deliveries.reserve(picks.size());
    queue.mark(picks, selected.lease_id);
    for (auto& [from, delivery] : picks) {
        selected.deliveries.push_back(std::move(delivery));
    }
    name(queue, selected.deliveries);
    return selected;
}

void Taker::name(const DeliveryQueue& queue, std::vector<Delivery>& deliveries) const {
    for (Delivery& delivery : deliveries) {
        delivery.plugin = queue.name();
        delivery.key = keys_.key(delivery, queue.name());
    }
}

base::Result<std::vector<Delivery>> Taker::lease(DeliveryQueue& queue, Selected selected) {
    std::vector<std::int64_t> alert_ids;
    alert_ids.reserve(selected.deliveries.size());
    for (const Delivery& delivery : selected.deliveries) {
        alert_ids.push_back(delivery.alert_id);
    }
    Lease operation(selected.lease_id, queue.id(), clock_.wall_ms(), alert_ids);
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
    return std::move(selected.deliveries);
}

}  // namespace incm::inbox
