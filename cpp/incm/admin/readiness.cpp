#include "incm/admin/readiness.h"

namespace incm::admin {

std::optional<base::Error> why_not_ready(const inbox::Inbox& inbox,
                                         const std::atomic<bool>& ready) {
    if (!ready) return base::Error{base::ErrorCode::kClosed, "the receiver is stopping"};
    return inbox.why_not_stored();
}

}  // namespace incm::admin
