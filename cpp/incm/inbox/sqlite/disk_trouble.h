#pragma once

#include <string>

#include "incm/base/result.h"

namespace incm::inbox::sqlite {

/// Whether a system call that failed with this errno may succeed later without a change of the
/// configuration: the disk is full, read-only or failing, or cannot be reached.
[[nodiscard]] bool is_of_disk(int reason) noexcept;

/// Return the failure of a start because of such a call: kInboxUnavailable when is_of_disk(), else
/// kInboxUnusable.
[[nodiscard]] base::Failure start_failure(int reason, const std::string& text);

/// Whether a file of 1 MiB can be written in a folder now; removes it again. True when that cannot
/// be determined.
[[nodiscard]] bool has_room(const std::string& folder) noexcept;

}  // namespace incm::inbox::sqlite
