#pragma once

#include "incm/base/result.h"

namespace incm::inbox {

// Why the inbox does not take something, in the words of all its files.

[[nodiscard]] inline base::Error closed_error() {
    return {base::ErrorCode::kClosed, "the inbox is closed"};
}

[[nodiscard]] inline base::Error low_disk_error() {
    return {base::ErrorCode::kDiskLow, "the disk of the inbox is nearly full"};
}

}  // namespace incm::inbox
