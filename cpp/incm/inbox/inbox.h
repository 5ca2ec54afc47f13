#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/append_callback.h"
#include "incm/inbox/operator_action.h"
#include "incm/inbox/quarantine.h"
#include "incm/inbox/records.h"

namespace incm::inbox {

class Backup;
class Catalog;

/// The durable store of alerts and the queue of their deliveries.
///
/// One SQLite file in WAL mode with synchronous=FULL. One thread owns the only writing connection
/// and commits everything that waits as one transaction: the batch closes when the writer is free.
/// Read-only connections serve take(). A second process is refused by a lock file beside the
/// database.
///
/// Threads: every method may be called from any thread.
/// Source:  docs/inbox.md, Invariants; docs/promises.md, P1; docs/promises.md, P2;
///          docs/promises.md, P3; docs/promises.md, P4; docs/promises.md, P13.
class Inbox {
 public:
    /// Open the inbox, create it when there is no file, migrate it when it is of an older version.
    ///
    /// Deliveries that a crash interrupted are due again (an attempt that was under way counts).
    /// Errors:  kInboxForeign, kInboxNewer, kInboxInUse, kInboxUnusable, kInboxUnavailable (it can
    ///          be tried again); no alert is changed then, and no half-made file is left.
    /// Threads: log must outlive the inbox.
    [[nodiscard]] static base::Result<std::unique_ptr<Inbox>> open(const Options& options,
                                                                   base::LogSink& log);
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    /// Calls close().
    ~Inbox();

    /// Store an alert and one delivery for each of its plugins, unless it is a duplicate.
    ///
    /// Blocks until the commit's fsync returned, so that the answer may be 200.
    /// Errors:  kStoreFailed (full, I/O error; nothing was stored), kDiskLow, kClosed;
    ///          kBadConfig for a plugin that open() was not told.
    [[nodiscard]] base::Result<Stored> append(NewAlert alert);

    /// append() without waiting: the receipt is told what append() would have returned.
    void append_later(NewAlert alert, std::unique_ptr<AppendCallback> receipt);

    /// Wait up to timeout_ms (>= 0) until no delivery of an alert is open, and say how it stands.
    ///
    /// A repetition of the alert may wait for the same deliveries. Errors: kStoreFailed when the
    /// file cannot be read, kClosed.
    [[nodiscard]] base::Result<Progress> wait_processed(std::int64_t alert_id,
                                                        std::int64_t timeout_ms);

    /// Make every wait_processed() return now, and every later one return at once.
    void end_waits();

    /// Take due deliveries of one plugin; they are this caller's until settled or until the process
    /// ends.
    ///
    /// Shape:   up to max_items (>= 1), those that wait for a retry and fresh ones in fair turns,
    /// each kind oldest
    ///          first. Of a plugin that is by_device, at most one a device, and none whose device
    ///          has an earlier one under way or waiting for a retry. The lease is on disk before
    ///          this returns, so that a crash counts as an attempt.
    /// Units:   waits up to timeout_ms (>= 0) for the first one; an empty list after that or after
    /// wake_takers(). Errors:  kClosed after close(); kBadConfig for a plugin that open() was not
    /// told; kStoreFailed; bad_alloc. Nothing is taken then.
    ///          max_retries: when so many that failed before are under way, of all calls together,
    ///          no further one is taken until one of them is settled or given back.
    [[nodiscard]] base::Result<std::vector<Delivery>> take(const std::string& plugin,
                                                           std::size_t max_items,
                                                           std::int64_t timeout_ms,
                                                           std::size_t max_retries = SIZE_MAX);

    /// Record what became of taken deliveries, with the next commit.
    ///
    /// Does not wait for that commit: after a crash before it the delivery is made again (at least
    /// once). A settlement of a delivery that is not taken is ignored and logged. One that can
    /// never be stored is logged, and its delivery made again after the next open(). Errors:
    /// bad_alloc: nothing is settled; after close() settlements are dropped, which means the same
    /// as a crash.
    void settle(std::vector<Settlement> settlements);

    /// Give taken deliveries back unattempted, due at once, without counting an attempt.
    ///
    /// They can be taken when this returns; their lease ends with the next commit, so that a crash
    /// before it does count; or, when there is no memory for that, with the next open(). What is
    /// not taken is ignored and logged.
    void give_back(const std::string& plugin, const std::vector<std::int64_t>& alert_ids) noexcept;
    /// The same, of one, without memory for a list.
    void give_back_one(const std::string& plugin, std::int64_t alert_id) noexcept;

    /// Make every waiting take() return now, and every later one return at once with what is due.
    void wake_takers();

    /// Do now what is done each second: look at the disk, and prune what is due. Returns how many
    /// alerts were pruned.
    std::int64_t tidy();

    /// Free disk for unprivileged users in bytes, and whether new alerts are refused for lack of
    /// it.
    struct Disk {
        std::int64_t free_bytes;
        bool low;
    };
    [[nodiscard]] Disk disk() const noexcept;

    /// Why no alert would be stored now, as of the last commit or of a second ago: failed(); the
    /// file was moved, removed, replaced or overwritten (until the same one is back); a full disk;
    /// or the last one could not be stored, as when another program has locked the file, which is
    /// tried again each second. What is stored is still delivered. Waits for nothing.
    [[nodiscard]] std::optional<base::Error> why_not_stored() const;

    /// Change at most kMaxOperatorActions deliveries in one transaction; returns how many were
    /// changed. Errors: kStoreFailed, kClosed; kBadConfig for kDropOpen of a plugin that open() was
    /// told.
    [[nodiscard]] base::Result<std::int64_t> change(OperatorAction how,
                                                    std::vector<DeliveryName> deliveries);

    /// What was refused, and is kept within the bounds of rejected.h.
    [[nodiscard]] Quarantine& quarantine() noexcept;

    /// The questions of people.
    [[nodiscard]] Catalog& catalog() noexcept;

    /// Copies of the whole, made meanwhile.
    [[nodiscard]] Backup& backup() noexcept;

    /// Count rows. Errors: kStoreFailed, kClosed.
    [[nodiscard]] base::Result<Counts> counts();

    /// Whether an fsync failed since open(). Every later change that waits for a commit, and every
    /// take() that finds something, fails with kStoreFailed then: the process should end
    /// (docs/promises.md, P8).
    [[nodiscard]] bool failed() const noexcept;

    /// Refuse new work, commit what waits, checkpoint and close the file. Idempotent.
    void close();

 private:
    struct Impl;
    explicit Inbox(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace incm::inbox
