#pragma once

#include <optional>
#include <string>

#include "incm/base/result.h"
#include "incm/inbox/catalog.h"

namespace incm::admin {

/// Return an error that names the known plugins when the inbox was never opened with this one.
/// Empty when it was, or without a name.
/// Errors:  kMalformedRequest; those of the inbox.
/// Threads: any.
[[nodiscard]] std::optional<base::Error> unknown_plugin(inbox::Catalog& catalog,
                                                        const std::optional<std::string>& name);

}  // namespace incm::admin
