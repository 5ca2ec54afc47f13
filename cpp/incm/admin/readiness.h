#pragma once

#include <atomic>
#include <optional>

#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// Why no alert can be taken now; empty when they are taken. ready: false while stopping.
/// Costs no more than a lock; waits for no disk. Threads: any.
[[nodiscard]] std::optional<base::Error> why_not_ready(const inbox::Inbox& inbox,
                                                       const std::atomic<bool>& ready);

}  // namespace incm::admin
