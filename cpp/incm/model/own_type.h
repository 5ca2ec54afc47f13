#pragma once

#include <span>
#include <string_view>

#include "incm/model/alert_type.h"

namespace incm::model {

/// What the types of the alerts begin with that this server raises about itself.
inline constexpr std::string_view kOwnPrefix = "incm_webhook.";
/// The type of the alert that the server posts to itself.
inline constexpr std::string_view kCanaryType = "incm_webhook.canary";
/// The endpoint of the alerts that the server raises about itself; no path is like it.
inline constexpr const char* kOwnEndpoint = "incm_webhook";

/// Whether a type, or a pattern of types, is one of the server's own.
[[nodiscard]] constexpr bool is_own_type(std::string_view type) {
    return type.starts_with(kOwnPrefix);
}

/// Return the server's own types. alert_types() has none of them.
/// Source:  docs/health.md, The alerts.
[[nodiscard]] std::span<const AlertType> own_alert_types();

/// Return the text to show for a type: its label when it is one of these, else what label_of()
/// returns.
[[nodiscard]] std::string_view any_label_of(std::string_view type);

}  // namespace incm::model
