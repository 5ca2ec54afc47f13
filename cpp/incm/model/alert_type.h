#pragma once

#include <span>
#include <string_view>

namespace incm::model {

/// A known kind of alert.
struct AlertType {
    std::string_view name;      ///< value of `type`
    std::string_view label;     ///< as InCloud Manager shows it
    std::string_view opposite;  ///< the type that ends this one; empty when there is none
    std::string_view family;    ///< the name that a type shares with its opposite; else its own
    bool clears = false;        ///< whether it says that the trouble of its opposite is over
};

/// Return the 22 documented types in the order of the guide, then the 4 types of the newer registry
/// (their labels are our own choice, since no guide shows them).
/// Source:  docs/protocol.md, Alert types.
[[nodiscard]] std::span<const AlertType> alert_types();

/// Return the text to show for a type: its label when the type is known, otherwise the type itself.
[[nodiscard]] std::string_view label_of(std::string_view type);

}  // namespace incm::model
