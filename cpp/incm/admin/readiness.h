#pragma once

#include <atomic>
#include <optional>

#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// Return why no alert can be accepted now; empty when alerts are accepted. ready: false while
/// stopping. Takes a lock at most, and never waits for the disk. Threads: any.
[[nodiscard]] std::optional<base::Error> why_not_ready(const inbox::Inbox& inbox,
                                                       const std::atomic<bool>& ready);

}  // namespace incm::admin
