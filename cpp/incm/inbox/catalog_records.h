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
    std::string text;  ///< the verified text; empty when it was not asked for
    /// In a list: what became of it, the worst of all plugins or of the one that was asked for:
    /// "dead", "open", "delivered", "dropped", or "" when no plugin wanted it.
    std::string state;
};

/// What can be asked about the delivery of an alert to a plugin.
enum class DeliveryState {
    kAny,        ///< it was made once
    kOpen,       ///< it is still to be done
    kDead,       ///< given up
    kDelivered,  ///< done, and not asked for again
};

/// Which alerts. Everything given must fit.
struct AlertQuery {
    std::optional<std::int64_t> since_ms;  ///< received at this time or later, wall clock
    std::optional<std::int64_t> until_ms;  ///< received before this time
    std::optional<std::string> plugin;     ///< with a delivery to this plugin, in `state`
    std::optional<DeliveryState> state;    ///< with a delivery in this state
    std::int64_t after = 0;                ///< numbers above this one
    std::int64_t before = std::numeric_limits<std::int64_t>::max();  ///< numbers below this one
    bool descending = false;
    bool with_text = false;
    std::size_t limit = 100;
    std::function<bool(const StoredAlert&)> wanted;  ///< empty: all
    bool wanted_reads_text = false;                  ///< `wanted` sees the text, as with with_text
};

/// Some of the alerts, and the number behind which (descending: below which) there may be more.
struct AlertPage {
    std::vector<StoredAlert> alerts;
    std::optional<std::int64_t> next;
};

/// A line of the ledger.
struct LedgerEntry {
    std::int64_t number;         ///< of the attempt
    std::int64_t started_at_ms;  ///< wall clock
    std::optional<std::int64_t> duration_ms;
    std::string outcome;  ///< "delivered", "retry", "dead", "interrupted" or "dropped"
    std::string error;    ///< may be empty
    /// Of the last attempt to the plugin that had one; empty in the other lines.
    std::string traceback = {};
};

/// What became of one alert at one plugin.
struct PluginHistory {
    enum class State { kNever, kOpen, kDead, kDelivered, kDropped };
    std::string plugin;
    std::int64_t first_alert_id = 0;  ///< alerts below it came before the plugin
    State state = State::kNever;
    std::int64_t attempts = 0;
    std::int64_t due_in_ms = 0;               ///< of an open one, >= 0
    std::optional<std::int64_t> taken_at_ms;  ///< wall clock; the plugin has it now
    std::string error;                        ///< of the last attempt
    std::vector<LedgerEntry> ledger;          ///< oldest first
};

/// The whole life of an alert, with every plugin that the inbox knows.
struct AlertHistory {
    StoredAlert alert;
    std::vector<PluginHistory> plugins;
};

/// A dead letter, or an open delivery that nobody will make.
struct Undelivered {
    std::string plugin;
    bool dead = false;
    std::int64_t attempts = 0;
    std::optional<std::int64_t> failed_at_ms;  ///< wall clock, end of the last attempt
    std::string error;
    StoredAlert alert;  ///< without text
};

/// Where a page of undelivered ones ended.
struct UndeliveredCursor {
    std::int64_t plugin_id = 0;
    std::int64_t alert_id = 0;
};

/// Which undelivered ones: dead letters, and the open deliveries of the plugins that are orphaned.
struct UndeliveredQuery {
    std::optional<std::string> plugin;
    std::function<bool(const std::string& plugin)> orphaned;  ///< empty: none is
    UndeliveredCursor after;
    std::size_t limit = 100;
};

struct UndeliveredPage {
    std::vector<Undelivered> found;  ///< by plugin, then by alert
    std::optional<UndeliveredCursor> next;
};

/// A page ends when so many rows, or so many bytes of texts, were looked at: then its snapshot ends
/// too, and the log can be copied back.
inline constexpr std::size_t kMaxScanned = 50'000;
inline constexpr std::size_t kMaxScannedBytes = 16 * 1024 * 1024;
/// A page ends when its texts have so many bytes; one alert is always in it.
inline constexpr std::size_t kMaxPageBytes = 2 * 1024 * 1024;

}  // namespace incm::inbox
