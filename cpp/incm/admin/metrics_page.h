#pragma once

#include <optional>
#include <string>

#include "incm/admin/plugin_board.h"
#include "incm/admin/server_state.h"
#include "incm/inbox/activity.h"
#include "incm/inbox/records.h"
#include "incm/inbox/statistics.h"
#include "incm/ingest/counters.h"

namespace incm::admin {

/// What a page of metrics shows.
struct MetricsSources {
    const ingest::Counters& counters;
    const inbox::Activity& activity;
    inbox::Counts counts;
    /// Empty while the inbox cannot be read: its families are left out then.
    std::optional<inbox::Statistics> statistics;
    inbox::DiskUse disk;
    ServerState server;
    bool ready = false;                    ///< /readyz answers 200
    const PluginBoard* plugins = nullptr;  ///< null: none run
};

/// Return the page of metrics for Prometheus.
///
/// Shape:   text exposition format 0.0.4. Names begin with `incm_webhook_`, except those of the
///          process. The values of every label are known from the start, and have a sample then.
/// Threads: any.
/// Source:  docs/http-api.md, Metrics.
[[nodiscard]] std::string metrics_page(const MetricsSources& from);

}  // namespace incm::admin
