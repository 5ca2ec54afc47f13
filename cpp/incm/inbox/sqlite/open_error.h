#pragma once

#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::inbox::sqlite {

/// Why the inbox at path cannot be opened, and what to do, of the exception that is being handled:
/// kInboxUnavailable when that may pass. After a failed sync the next open checks every page.
[[nodiscard]] base::Error open_error(const std::string& path);

/// Warn when the inbox at path is on a network file system.
void warn_of_network(const std::string& path, base::LogSink& log);

}  // namespace incm::inbox::sqlite
