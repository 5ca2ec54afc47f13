#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "incm/admin/server_state.h"
#include "incm/base/result.h"
#include "incm/inbox/inbox.h"

namespace incm::admin {

/// Return why no alert can be accepted now; empty when alerts are accepted. ready: false while
/// stopping. Takes a lock at most, and never waits for the disk. Threads: any.
[[nodiscard]] std::optional<base::Error> why_not_ready(const inbox::Inbox& inbox,
                                                       const std::atomic<bool>& ready);

/// Return a sentence when no canary has come back for too long: alerts may not get here, although
/// they would be accepted. Empty otherwise, and without canaries. Threads: any.
/// with_reason: say why the last one did not, which may name the outer URL.
[[nodiscard]] std::optional<std::string> overdue_canary(const ServerState& server,
                                                        bool with_reason);

/// Return the problem document with that sentence.
[[nodiscard]] std::string canary_problem(const std::string& sentence);

}  // namespace incm::admin
