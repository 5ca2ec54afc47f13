#include "incm/admin/known_plugins.h"

namespace incm::admin {

std::optional<base::Error> unknown_plugin(inbox::Catalog& catalog,
                                          const std::optional<std::string>& name) {
    if (!name) return std::nullopt;
    const auto plugins = catalog.plugins();
    if (!plugins.ok()) return plugins.error();
    std::string known;
    for (const std::string& one : plugins.value()) {
        if (one == *name) return std::nullopt;
        known += (known.empty() ? "" : ", ") + one;
    }
    return base::Error{
        base::ErrorCode::kMalformedRequest,
        "the inbox knows no plugin " + *name + (known.empty() ? "" : "; it knows " + known)};
}

}  // namespace incm::admin
