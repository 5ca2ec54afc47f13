#include "incm/inbox/quarantined_request.h"

#include <algorithm>

namespace incm::inbox {

std::optional<QuarantineKind> kind_named(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(kQuarantineKinds, name);
    if (found == kQuarantineKinds.end()) {
        return std::nullopt;
    }
    return static_cast<QuarantineKind>(found - kQuarantineKinds.begin());
}

}  // namespace incm::inbox
