#pragma once

#include <cstdint>
#include <string>

#include "incm/admin/plugin_board.h"

namespace incm::admin {

/// What the pages of the admin listener say of the plugins. Threads: any.

/// Samples for Prometheus: the state of each plugin (1 for the one it is in), and whether Python
/// runs.
[[nodiscard]] std::string plugin_metrics(const PluginBoard& board);

/// `ready`, and a line for each plugin that gets no alerts.
///
/// with_reasons: say why, which may tell of targets; not for whoever may read metrics alone.
[[nodiscard]] std::string ready_text(const PluginBoard& board, bool with_reasons);

/// A problem document that says since when Python has not run, and why.
[[nodiscard]] std::string stall_problem(const Stall& stall, std::int64_t steady_ms);

}  // namespace incm::admin
