#pragma once

#include <cstdint>
#include <string>

#include "incm/admin/plugin_board.h"

namespace incm::admin {

/// The parts of the admin pages that are about plugins. Threads: any.

/// Return the text of /readyz: `ready`, and a line for each plugin that gets no alerts.
///
/// with_reasons: add why, which may name targets of the plugins; not for clients that may only read
/// metrics.
[[nodiscard]] std::string ready_text(const PluginBoard& board, bool with_reasons);

/// Return a problem document with the time since when Python has not run. with_reason: and the
/// reason, as ready_text() takes it.
[[nodiscard]] std::string stall_problem(const Stall& stall, std::int64_t steady_ms,
                                        bool with_reason);

}  // namespace incm::admin
