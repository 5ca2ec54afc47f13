#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "incm/base/bytes.h"
#include "incm/base/clock.h"
#include "incm/inbox/quarantined_request.h"
#include "incm/inbox/retry_policy.h"

namespace incm::inbox {

class Activity;

/// A plugin that gets deliveries.
struct PluginOptions {
    std::string name;        ///< not empty, unique
    bool by_device = false;  ///< deliver the alerts of one device in order, one at a time
    RetryPolicy retry = {};  ///< applies after an interruption too
};

/// The options of an inbox, for every implementation.
struct Options {
    std::vector<PluginOptions> plugins;
    std::int64_t retention_ms = 0;   ///< delivered alerts are pruned after this; 0: never
    std::int64_t reserve_bytes = 0;  ///< free disk below which new alerts are refused
    /// The source of time; tests pass their own.
    std::function<base::Instant()> clock = base::now;
    /// Counts what the inbox does; must outlive it. Null: nothing is counted.
    Activity* activity = nullptr;
};

/// An alert to store, already verified and parsed.
struct NewAlert {
    base::Digest dedupe_key;         ///< endpoint + canonical text
    bool duplicate_for_ever = true;  ///< false: a duplicate only within kShortDedupeMs
    std::int64_t received_at_ms;     ///< wall clock, for display
    std::string endpoint;            ///< path of the endpoint
    std::string form;                ///< "raw", "canonical" or "unsigned"
    std::string text;                ///< the verified text
    std::string type;                ///< for listing; empty when absent
    std::string device;  ///< for listing and order: device id, else serial number; may be empty
    std::vector<std::string> plugins;  ///< names of the plugins that get it
    /// Its number in the quarantine, which it leaves in the same transaction; 0: it was not there.
    std::int64_t from_quarantine = 0;
    /// The span that its deliveries continue, as ingest/trace_context.h writes it; none: no trace.
    std::optional<std::string> trace = {};
};

/// A body without `_id` is a duplicate only within this time (docs/contract.md, HTTP).
inline constexpr std::int64_t kShortDedupeMs = 5 * 60 * 1000;

/// The result of append().
struct Stored {
    std::int64_t id;  ///< number of the stored alert, or of the earlier alert that it repeats
    bool duplicate;
};

/// One alert on its way to one plugin.
struct Delivery {
    std::int64_t alert_id;
    std::string plugin;
    std::string key;  ///< the same on every attempt, unique among all deliveries of all inboxes
    std::int64_t attempt;  ///< 1 for the first
    /// As attempt, but counted from 1 when an operator retries it, and without those that found the
    /// target unavailable. Below 1: expired (interrupted.h); settle it as dead without an attempt.
    std::int64_t tries;
    std::int64_t received_at_ms;  ///< wall clock
    /// Since the delivery was made, by the inbox clock, without the outages of its plugin.
    std::int64_t age_ms;
    std::int64_t waited_ms = 0;  ///< as age_ms, with the outages
    std::string endpoint;
    std::string device;                     ///< as in NewAlert
    std::string text;                       ///< the verified text
    std::optional<std::string> trace = {};  ///< as in NewAlert
};

enum class Outcome {
    kDelivered,
    kRetry,        ///< failed, and is made again
    kUnavailable,  ///< not handled, because the plugin's target is unavailable; is made again
    kRejected,     ///< a dead letter, although the plugin and its target work
    kDead          ///< a dead letter
};

/// Whether the delivery is made again after this outcome.
[[nodiscard]] constexpr bool is_again(Outcome outcome) noexcept {
    return outcome == Outcome::kRetry || outcome == Outcome::kUnavailable;
}

/// Whether it proves that the plugin's target is available.
[[nodiscard]] constexpr bool ends_outage(Outcome outcome) noexcept {
    return outcome == Outcome::kDelivered || outcome == Outcome::kRejected;
}

/// Most bytes of a traceback that are kept.
inline constexpr std::size_t kMaxTraceback = 16 * 1024;

/// The result of one attempt.
struct Settlement {
    std::int64_t alert_id;
    std::string plugin;
    Outcome outcome;
    std::int64_t retry_in_ms = 0;  ///< for kRetry and kUnavailable: how long to wait, >= 0
    std::int64_t duration_ms = 0;  ///< how long the attempt took
    std::string error;             ///< unless delivered: a sentence, cut to 2000 bytes
    /// Unless delivered: the traceback of the exception, cut to kMaxTraceback bytes. Empty: there
    /// is none, and the traceback of an earlier attempt stays.
    std::string traceback = {};
};

/// How far the plugins are with an alert.
enum class Progress {
    kDone,  ///< every plugin that should get it has handled it
    kOpen,  ///< some have not yet
    kDead,  ///< some never will, unless an operator retries
};

/// The disk of the inbox, as its housekeeping measured it.
struct DiskUse {
    std::int64_t free_bytes = 0;     ///< what an unprivileged user may still write
    std::int64_t reserve_bytes = 0;  ///< as Options
    bool low = false;                ///< new alerts are refused, because the reserve is used up
    std::int64_t log_bytes = 0;      ///< length of the write-ahead log
    std::int64_t log_warnings = 0;   ///< how often a warning said that the log is long
};

/// Numbers for health and metrics.
struct Counts {
    std::int64_t alerts;      ///< stored
    std::int64_t open;        ///< deliveries not yet made
    std::int64_t dead;        ///< dead letters
    Quarantined quarantined;  ///< refused requests that are kept
};

}  // namespace incm::inbox
