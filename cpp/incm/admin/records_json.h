#pragma once

#include <functional>
#include <optional>
#include <string>

#include "incm/admin/plugin_board.h"
#include "incm/inbox/catalog.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// Returns whether a plugin is configured; null when the configuration is not known.
using Configured = std::function<std::optional<bool>(const std::string& plugin)>;

/// The reason why a plugin did not get an alert.
struct Reason {
    const char* code;         ///< see reason_for() in api.cpp
    std::string filter = {};  ///< what of its filter excludes the alert; "" with another code
};
/// Explains why a plugin never got the alert; empty when that is not known.
using Explain = std::function<std::optional<Reason>(const inbox::PluginHistory& plugin)>;

/// Returns the status of a plugin; empty when none run.
using Doing = std::function<std::optional<PluginStatus>(const std::string& plugin)>;

/// The answers of the admin API, as JSON texts.
///
/// Shape:   see docs/http-api.md.
/// Units:   times are RFC 3339 in UTC with milliseconds, of the wall clock; durations have their
///          unit in the name.
/// Threads: any.
[[nodiscard]] std::string alerts_json(const inbox::AlertPage& page, bool with_body);
[[nodiscard]] std::string history_json(const inbox::AlertHistory& history,
                                       const Configured& configured, const Explain& explain,
                                       const Doing& doing);
[[nodiscard]] std::string statistics_json(const inbox::Statistics& statistics,
                                          const inbox::Counts& counts, const Configured& configured,
                                          const Doing& doing);
[[nodiscard]] std::string undelivered_json(const inbox::UndeliveredPage& page);

/// `2026-11-24T10:00:00.123Z`
[[nodiscard]] std::string rfc3339(std::int64_t wall_ms);

/// Write or read a position in the list of undelivered deliveries, as clients send it back:
/// `PLUGIN:ALERT`, two numbers.
[[nodiscard]] std::string cursor_text(const inbox::UndeliveredCursor& cursor);
[[nodiscard]] std::optional<inbox::UndeliveredCursor> read_cursor(const std::string& text);

}  // namespace incm::admin
