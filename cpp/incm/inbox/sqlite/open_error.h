#pragma once

#include <string>

#include "incm/base/log.h"
#include "incm/base/result.h"

namespace incm::inbox::sqlite {

/// Turn the exception that is being handled into an error: why the inbox at path cannot be opened,
/// and what to do. kInboxUnavailable when the cause may go away. After a failed sync the next open
/// checks every page.
[[nodiscard]] base::Error open_error(const std::string& path);

/// Log a warning when the inbox at path is on a network file system.
void warn_of_network(const std::string& path, base::LogSink& log);

}  // namespace incm::inbox::sqlite
