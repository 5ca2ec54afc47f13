#include "incm/http/readiness.h"

namespace incm::http {

using base::Error;
using base::ErrorCode;

std::optional<Error> why_not_ready(inbox::Inbox& inbox, const std::atomic<bool>& ready) {
    if (const auto counts = inbox.counts(); !counts.ok()) return counts.error();
    if (!ready.load()) return Error{ErrorCode::kClosed, "stopping"};
    if (inbox.failed()) return Error{ErrorCode::kStoreFailed, "failed"};
    if (inbox.lost()) return Error{ErrorCode::kStoreFailed, "the file was moved"};
    if (inbox.disk().low) return Error{ErrorCode::kDiskLow, "disk"};
    return std::nullopt;
}

}  // namespace incm::http
