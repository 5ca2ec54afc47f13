#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace incm::inbox {

/// A stored alert as a list shows it.
struct StoredAlert {
    std::int64_t id = 0;
    std::int64_t received_at_ms = 0;  ///< wall clock
    std::string endpoint;
    std::string form;  ///< "raw", "canonical" or "unsigned"
    std::string type;
    std::string device;
    std::string text;  ///< the verified text; empty when it was not requested
    /// Only in a list: the worst state of its deliveries, over all plugins or for the plugin of the
    /// query: "dead", "open", "delivered", "dropped", or "" when no plugin wanted the alert.
    std::string state;
};

/// The states of a delivery by which alerts can be listed.
enum class DeliveryState {
    kAny,        ///< exists or existed
    kOpen,       ///< still to be made
    kDead,       ///< a dead letter
    kDelivered,  ///< made, and not requested again
};

/// Selects alerts. An alert must meet every condition that is given.
struct AlertQuery {
    std::optional<std::int64_t> since_ms;  ///< received at this time or later, wall clock
    std::optional<std::int64_t> until_ms;  ///< received before this time
    std::optional<std::string> plugin;     ///< with a delivery to this plugin, in `state`
    std::optional<DeliveryState> state;    ///< with a delivery in this state
    std::int64_t after = 0;                ///< only numbers above this one
    /// Only numbers below this one.
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    bool descending = false;
    bool with_text = false;
    std::size_t limit = 100;
    std::function<bool(const StoredAlert&)> wanted;  ///< a further condition; empty: none
    bool wanted_reads_text = false;                  ///< give `wanted` the text, as with with_text
};

/// Some of the alerts. There may be more after the number `next` (descending: below it).
struct AlertPage {
    std::vector<StoredAlert> alerts;
    std::optional<std::int64_t> next;
};

/// A line of the ledger.
struct LedgerEntry {
    std::int64_t number;         ///< number of the attempt, from 1
    std::int64_t started_at_ms;  ///< wall clock
    std::optional<std::int64_t> duration_ms;
    /// "delivered", "retry", "unavailable", "dead", "interrupted" or "dropped".
    std::string outcome;
    std::string error;  ///< may be empty
    /// Only in the line of the plugin's last attempt that left a traceback; empty in the other
    /// lines.
    std::string traceback = {};
};

/// The history of one alert at one plugin.
struct PluginHistory {
    enum class State { kNever, kOpen, kDead, kDelivered, kDropped };
    std::string plugin;
    std::int64_t first_alert_id = 0;  ///< alerts with a lower number came before the plugin
    State state = State::kNever;
    std::int64_t attempts = 0;
    std::int64_t due_in_ms = 0;  ///< of an open delivery, >= 0
    std::optional<std::int64_t>
        fetched_at_ms;                ///< wall clock; set while the plugin has the delivery
    std::string error;                ///< of the last attempt
    std::vector<LedgerEntry> ledger;  ///< oldest first
};

/// The whole history of an alert, with every plugin that the inbox knows.
struct AlertHistory {
    StoredAlert alert;
    std::optional<std::string> trace;  ///< as in NewAlert
    std::vector<PluginHistory> plugins;
};

/// A dead letter, or an open delivery of a plugin that is no longer configured.
struct Undelivered {
    std::string plugin;
    bool dead = false;
    std::int64_t attempts = 0;
    std::optional<std::int64_t> failed_at_ms;  ///< wall clock, end of the last attempt
    std::string error;
    StoredAlert alert;  ///< without text
};

/// The position at which a page of undelivered deliveries ended.
struct UndeliveredCursor {
    std::int64_t plugin_id = 0;
    std::int64_t alert_id = 0;
};

/// Selects undelivered deliveries: dead letters, and the open deliveries of orphaned plugins.
struct UndeliveredQuery {
    std::optional<std::string> plugin;
    std::function<bool(const std::string& plugin)> orphaned;  ///< empty: no plugin is orphaned
    UndeliveredCursor after;
    std::size_t limit = 100;
};

struct UndeliveredPage {
    std::vector<Undelivered> found;  ///< by plugin, then by alert
    std::optional<UndeliveredCursor> next;
};

/// A page ends after reading this many rows, or this many bytes of texts. Its snapshot ends with
/// it, so that the log can be copied back.
inline constexpr std::size_t kMaxScanned = 50'000;
inline constexpr std::size_t kMaxScannedBytes = 16 * 1024 * 1024;
/// A page ends when its texts have this many bytes; it always has at least one alert.
inline constexpr std::size_t kMaxPageBytes = 2 * 1024 * 1024;

}  // namespace incm::inbox
