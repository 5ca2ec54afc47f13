#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "incm/admin/findings.h"
#include "incm/admin/metrics_page.h"

namespace incm::admin {

/// Return the answer to GET /api/v1/status, as JSON text.
///
/// Shape:   see docs/http-api.md. now_ms: Unix time.
/// Units:   times are RFC 3339 in UTC with milliseconds; durations have their unit in the name.
/// Threads: any.
[[nodiscard]] std::string status_json(const MetricsSources& from,
                                      const std::vector<Finding>& findings, std::int64_t now_ms);

}  // namespace incm::admin
