#pragma once

#include <span>
#include <string_view>

namespace incm::model {

/// A known kind of alert.
struct AlertType {
    std::string_view name;      ///< value of `type`
    std::string_view label;     ///< as InCloud Manager shows it
    std::string_view opposite;  ///< the type that ends this one; empty when there is none
};

/// The 22 documented types in the guide's order, then the 4 of the newer registry (whose labels are
/// our own choice, since no guide shows them). Source: docs/protocol.md, Alert types.
[[nodiscard]] std::span<const AlertType> alert_types();

/// What to show for a type: its label when it is known, otherwise the type itself.
[[nodiscard]] std::string_view label_of(std::string_view type);

}  // namespace incm::model
