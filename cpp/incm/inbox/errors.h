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

[[nodiscard]] inline base::Error failed_error() {
    return {base::ErrorCode::kStoreFailed,
            "the inbox takes nothing more, because the disk failed to write: check the disk and "
            "start again"};
}

}  // namespace incm::inbox
