#pragma once

#include <optional>

#include "incm/admin/exposition.h"
#include "incm/admin/plugin_board.h"
#include "incm/inbox/activity.h"
#include "incm/inbox/statistics.h"

namespace incm::admin {

/// The metrics of deliveries and plugins. Threads: any.

/// Write the attempts of each configured plugin, and the backlog of each plugin that the inbox
/// knows. statistics: empty when it is not known.
void write_delivery_metrics(Exposition& page, const inbox::Activity& activity,
                            const std::optional<inbox::Statistics>& statistics);

/// Write the state of each plugin (1 for its current one), its breaker, its hanging calls and its
/// restarts, and whether Python runs.
void write_plugin_metrics(Exposition& page, const PluginBoard& board);

}  // namespace incm::admin
