#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/base/log.h"
#include "incm/base/result.h"
#include "incm/inbox/manual.h"

namespace incm::inbox {

class Catalog;

/// A plugin for which deliveries are made and taken.
struct PluginOptions {
    std::string name;        ///< not empty, unique
    bool by_device = false;  ///< one device's alerts in order, the next one after the one before
};

/// Where the inbox is.
struct Options {
    std::string path;  ///< file path of the SQLite database; its folder must exist
    std::vector<PluginOptions> plugins;
    /// Where time comes from; tests hand in their own.
    std::function<base::Instant()> clock = base::now;
};

/// An alert to be stored, already verified and read.
struct NewAlert {
    base::Digest dedupe_key;         ///< endpoint + canonical text
    bool duplicate_for_ever = true;  ///< false: a duplicate only within kShortDedupeMs
    std::int64_t received_at_ms;     ///< wall clock, for display
    std::string endpoint;            ///< path of the endpoint
    std::string form;                ///< "raw", "canonical" or "unsigned"
    std::string text;                ///< the verified text
    std::string type;                ///< for listing; empty when absent
    std::string device;  ///< for listing and order: device id, else serial number; may be empty
    std::vector<std::string> plugins;  ///< names of the plugins that shall get it
};

/// A body without `_id` is a duplicate only within this time (contract section 4).
inline constexpr std::int64_t kShortDedupeMs = 5 * 60 * 1000;

/// What append() did.
struct Stored {
    std::int64_t id;  ///< number of the stored alert, or of the earlier one that it repeats
    bool duplicate;
};

/// A rejected but authentic body, kept for a person to look at.
struct Rejected {
    std::int64_t received_at_ms;  ///< wall clock, for display
    std::string endpoint;
    std::string reason;  ///< a short sentence
    std::string body;
};

/// One alert on its way to one plugin.
struct Delivery {
    std::int64_t alert_id;
    std::string plugin;
    std::string key;  ///< the same on every attempt, unique among all deliveries of all inboxes
    std::int64_t attempt;         ///< 1 for the first
    std::int64_t tries;           ///< the same, counted anew when a person asks for it again
    std::int64_t received_at_ms;  ///< wall clock
    std::int64_t age_ms;          ///< since the delivery was made, by the inbox clock
    std::string endpoint;
    std::string device;  ///< as in NewAlert
    std::string text;    ///< the verified text
};

enum class Outcome { kDelivered, kRetry, kDead };

/// What became of one attempt.
struct Settlement {
    std::int64_t alert_id;
    std::string plugin;
    Outcome outcome;
    std::int64_t retry_in_ms = 0;  ///< for kRetry: how long to wait, >= 0
    std::int64_t duration_ms = 0;  ///< how long the attempt took
    std::string error;             ///< for kRetry and kDead: a sentence, cut to 2000 bytes
};

/// Numbers for health and metrics.
struct Counts {
    std::int64_t alerts;       ///< stored
    std::int64_t open;         ///< deliveries not yet made
    std::int64_t dead;         ///< dead letters
    std::int64_t quarantined;  ///< rejected bodies kept
};

/// The durable store of alerts and the queue of their deliveries.
///
/// One SQLite file in WAL mode with synchronous=FULL. One thread owns the only writing connection
/// and commits everything that waits as one transaction: the batch closes when the writer is free.
/// One read-only connection serves take(). A second process is refused by a lock file beside the
/// database.
///
/// Threads: every method may be called from any thread.
/// Source:  architecture section 3; promises P1-P4, P13.
class Inbox {
 public:
    /// Open the inbox, create it when there is no file, migrate it when it is of an older version.
    ///
    /// Deliveries that a crash interrupted are due again (an attempt that was under way counts).
    /// Errors:  kInboxForeign, kInboxNewer, kInboxInUse, kInboxUnusable; the file is unchanged
    /// then. Threads: log must outlive the inbox.
    [[nodiscard]] static base::Result<std::unique_ptr<Inbox>> open(const Options& options,
                                                                   base::LogSink& log);
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    /// Calls close().
    ~Inbox();

    /// Store an alert and one delivery for each of its plugins, unless it is a duplicate.
    ///
    /// Blocks until the commit's fsync returned, so that the answer may be 200.
    /// Errors:  kStoreFailed (full, I/O error; nothing was stored), kClosed;
    ///          kBadConfig for a plugin that open() was not told.
    [[nodiscard]] base::Result<Stored> append(NewAlert alert);

    /// Keep an authentic body that is no alert. Bounded: the oldest go when there are more than
    /// kMaxRejected or more than kMaxRejectedBytes. Blocks and fails like append().
    [[nodiscard]] base::Status quarantine(Rejected rejected);

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
    /// told; kStoreFailed.
    [[nodiscard]] base::Result<std::vector<Delivery>> take(const std::string& plugin,
                                                           std::size_t max_items,
                                                           std::int64_t timeout_ms);

    /// Record what became of taken deliveries, with the next commit.
    ///
    /// Does not wait for that commit: after a crash before it the delivery is made again (at least
    /// once). A settlement of a delivery that is not taken is ignored and logged. Errors:  none;
    /// after close() settlements are dropped, which means the same as a crash.
    void settle(std::vector<Settlement> settlements);

    /// Give taken deliveries back unattempted, due at once, without counting an attempt.
    ///
    /// They can be taken when this returns; their lease ends with the next commit, so that a crash
    /// before it does count. What is not taken is ignored and logged.
    void give_back(const std::string& plugin, const std::vector<std::int64_t>& alert_ids);

    /// Make every waiting take() return now, and every later one return at once with what is due.
    void wake_takers();

    /// Change at most kMostByHand deliveries in one transaction; returns how many were changed.
    /// Errors: kStoreFailed, kClosed; kBadConfig for kDropOpen of a plugin that open() was told.
    [[nodiscard]] base::Result<std::int64_t> change(ByHand how,
                                                    std::vector<DeliveryName> deliveries);

    /// The questions of people.
    [[nodiscard]] Catalog& catalog() noexcept;

    /// Count rows. Errors: kStoreFailed, kClosed.
    [[nodiscard]] base::Result<Counts> counts();

    /// Whether an fsync failed since open(). Every later append() and quarantine(), and every
    /// take() that finds something, fails with kStoreFailed then: the process should end (promise
    /// P8).
    [[nodiscard]] bool failed() const noexcept;

    /// Refuse new work, commit what waits, checkpoint and close the file. Idempotent.
    void close();

 private:
    struct Impl;
    explicit Inbox(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

inline constexpr std::int64_t kMaxRejected = 1000;
inline constexpr std::int64_t kMaxRejectedBytes = 64LL * 1024 * 1024;

}  // namespace incm::inbox
