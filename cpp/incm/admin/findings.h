#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "incm/admin/metrics_page.h"
#include "incm/base/result.h"

namespace incm::admin {

/// Something that a person should know about the server.
struct Finding {
    /// Whether alerts are lost, late or not delivered because of it; else it is a warning.
    bool is_problem = false;
    const char* kind = "";  ///< a word that programs compare; docs/health.md, Findings
    /// `server`, `inbox`, `disk`, `configuration`, `certificate`, `canary`, `plugin NAME` or
    /// `endpoint PATH`
    std::string subject;
    std::optional<std::int64_t> since_ms;  ///< Unix time; none when it is not known
    std::string text;                      ///< a sentence, or the name of a plugin's state
    std::string reason;  ///< more, which may name targets of plugins; "" when there is none
    /// False for what is no trouble by itself, and is not shown; but while it holds, trouble of
    /// this kind that began earlier has not ended.
    bool begins = true;
};

/// Return everything that is wrong now, the problems first, and what does not begin. not_ready: why
/// no alert is taken; empty when they are. now_ms: Unix time. Threads: any. Source:
/// docs/commands.md, See how the server does.
[[nodiscard]] std::vector<Finding> findings_of(const MetricsSources& from,
                                               const std::optional<base::Error>& not_ready,
                                               std::int64_t now_ms);

/// Return the text of /readyz?verbose: `ready` or `not ready`, and a line for each finding.
///
/// with_reasons: as ready_text() takes it.
[[nodiscard]] std::string verbose_text(const std::vector<Finding>& findings, bool ready,
                                       bool with_reasons);

}  // namespace incm::admin
