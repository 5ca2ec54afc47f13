#pragma once

#include <exception>
#include <string>

#include "incm/base/result.h"

namespace incm::inbox {

// The errors of an inbox that several of its files return.

[[nodiscard]] inline base::Error closed_error() {
    return {base::ErrorCode::kClosed, "the inbox is closed"};
}

[[nodiscard]] inline base::Error low_disk_error() {
    return {base::ErrorCode::kDiskLow, "the disk of the inbox is nearly full"};
}

[[nodiscard]] inline base::Error unreadable_error(const std::exception& why) {
    return {base::ErrorCode::kStoreFailed, std::string("the inbox cannot be read: ") + why.what()};
}

[[nodiscard]] inline base::Error failed_error() {
    return {base::ErrorCode::kStoreFailed,
            "the inbox accepts nothing more, because the disk failed to write: check the disk and "
            "start again"};
}

}  // namespace incm::inbox
