#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "incm/base/result.h"
#include "incm/inbox/append_callback.h"
#include "incm/inbox/kept_state.h"
#include "incm/inbox/operator_action.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

class Backup;
class Catalog;
class PluginRoll;
class Quarantine;

/// The durable store of alerts and the queue of their deliveries.
///
/// Every implementation keeps these promises: tests/cpp/inbox/ checks them on all of them.
/// Threads: every method may be called from any thread.
/// Source:  docs/inbox.md, Invariants; docs/promises.md, P1; docs/promises.md, P2;
///          docs/promises.md, P3; docs/promises.md, P4; docs/promises.md, P13.
class Inbox {
 public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    /// Calls close().
    virtual ~Inbox() = default;

    /// Store an alert and one delivery for each of its plugins, unless it is a duplicate.
    ///
    /// Blocks until the alert is durable, so that the answer may be 200.
    /// Errors:  kStoreFailed: nothing was stored. kDiskLow. kClosed. kBadConfig for a plugin that
    ///          the inbox was not opened with and that was not added.
    [[nodiscard]] virtual base::Result<Stored> append(NewAlert alert) = 0;

    /// Do the same without waiting: the callback gets what append() would have returned.
    virtual void append_later(NewAlert alert, std::unique_ptr<AppendCallback> callback) = 0;

    /// Wait until no delivery of an alert is open, and return how its deliveries stand.
    ///
    /// Waits for the deliveries of the earlier alert when this one was a duplicate.
    /// Units:   waits up to timeout_ms, at least 0.
    /// Errors:  kStoreFailed when the deliveries cannot be read. kClosed.
    [[nodiscard]] virtual base::Result<Progress> wait_processed(std::int64_t alert_id,
                                                                std::int64_t timeout_ms) = 0;

    /// Make every wait_processed() return now, and every later call return at once.
    virtual void end_waits() = 0;

    /// Lease due deliveries of one plugin to the caller, until it settles them or gives them back.
    ///
    /// Shape:   up to max_items, at least 1. Retries and first attempts take fair turns, each kind
    ///          oldest first. A plugin that is by_device gets at most one delivery of a device, and
    ///          none while an earlier one of that device is leased or waits for a retry.
    ///          max_retries: at most so many retries of the plugin are leased at a time, over all
    ///          calls.
    /// Units:   waits up to timeout_ms, at least 0, for the first delivery. The list is empty after
    ///          that, and after wake_fetchers().
    /// Errors:  kClosed. kBadConfig for a plugin that the inbox was not opened with and that was
    ///          not added. kStoreFailed. bad_alloc. Nothing is leased then.
    ///
    /// The lease is durable before this returns, so a crash counts as an attempt.
    [[nodiscard]] virtual base::Result<std::vector<Delivery>> fetch(const std::string& plugin,
                                                                    std::size_t max_items,
                                                                    std::int64_t timeout_ms,
                                                                    std::size_t max_retries) = 0;
    /// Do the same with any number of retries.
    [[nodiscard]] base::Result<std::vector<Delivery>> fetch(const std::string& plugin,
                                                            std::size_t max_items,
                                                            std::int64_t timeout_ms) {
        return fetch(plugin, max_items, timeout_ms, SIZE_MAX);
    }

    /// Record the outcome of leased deliveries, with the next commit.
    ///
    /// An outage of the plugin begins with kUnavailable, and ends with the next kDelivered or
    /// kRejected; it lasts over a close. No delivery of the plugin grows older during an outage,
    /// and an attempt that ends as kUnavailable is no try.
    ///
    /// Does not wait for that commit: after a crash before it, the delivery is made again. A
    /// settlement of a delivery that is not leased is logged and ignored. A settlement that can
    /// never be stored is logged, and its delivery is made again after the next start.
    /// Errors:  bad_alloc: nothing is settled. After close() settlements are dropped, which has the
    ///          same effect as a crash.
    ///
    /// state: changes of the state of the plugin of the first settlement. They are committed with
    /// the settlements, or lost with them; kept_state() shows them at once. Changes of one key
    /// count in the order of these calls. Settlements of deliveries that are not leased change
    /// nothing.
    virtual void settle(std::vector<Settlement> settlements, std::vector<StateChange> state) = 0;
    /// Do the same without a change of state.
    void settle(std::vector<Settlement> settlements) { settle(std::move(settlements), {}); }

    /// Return leased deliveries that were not attempted: they are due at once, and no attempt is
    /// counted.
    ///
    /// They can be fetched when this returns. The lease ends with the next commit, or without
    /// memory with the next start: after a crash before that the attempt does count. A delivery
    /// that is not leased is logged and ignored.
    virtual void give_back(const std::string& plugin,
                           std::span<const std::int64_t> alert_ids) noexcept = 0;

    /// Make every waiting fetch() return now, and every later call return at once with what is due.
    virtual void wake_fetchers() = 0;

    /// Do the housekeeping of a second now: measure the disk, and prune what is due. Returns how
    /// many alerts were pruned.
    virtual std::int64_t tidy() = 0;

    /// What the housekeeping measured last.
    [[nodiscard]] virtual DiskUse disk_use() const noexcept = 0;

    /// Why no alert can be stored now; empty when it can.
    ///
    /// As of the last commit, or of the last housekeeping. What is stored is still delivered. Does
    /// not block.
    [[nodiscard]] virtual std::optional<base::Error> why_not_stored() const = 0;

    /// Change deliveries in one transaction, as a person asked, and return how many changed.
    ///
    /// Shape:   at most kMaxOperatorActions deliveries. One that is not in the state for this
    ///          action stays as it is.
    /// Errors:  kStoreFailed. kClosed. kBadConfig for kDropOpen of a plugin that is configured,
    ///          or whose deliveries are still under way. Nothing is changed then.
    [[nodiscard]] virtual base::Result<std::int64_t> change(
        OperatorAction action, std::vector<DeliveryName> deliveries) = 0;

    /// Which plugins get deliveries.
    [[nodiscard]] virtual PluginRoll& plugins() noexcept = 0;

    /// What the plugins keep between their calls.
    [[nodiscard]] virtual KeptState& kept_state() noexcept = 0;

    /// The requests that were refused and are kept.
    [[nodiscard]] virtual Quarantine& quarantine() noexcept = 0;

    /// The questions that people ask.
    [[nodiscard]] virtual Catalog& catalog() noexcept = 0;

    /// Copies of the whole inbox, made while it is open.
    [[nodiscard]] virtual Backup& backup() noexcept = 0;

    /// Count what is stored. Errors: kStoreFailed, kClosed.
    [[nodiscard]] virtual base::Result<Counts> counts() = 0;

    /// Whether the storage failed so that the process should end (docs/promises.md, P8).
    ///
    /// Every later change that waits for a commit, and every fetch() that finds something, fails
    /// with kStoreFailed then.
    [[nodiscard]] virtual bool failed() const noexcept = 0;

    /// Refuse new work, commit what waits, and let go of the storage. Idempotent.
    virtual void close() = 0;
};

}  // namespace incm::inbox
