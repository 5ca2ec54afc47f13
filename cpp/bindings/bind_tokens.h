#pragma once

#include <memory>

#include <pybind11/pybind11.h>

#include "incm/admin/access.h"

namespace incm::bindings {

/// The tokens of an admin listener, as Python has them.
struct AdminTokensView {
    std::shared_ptr<admin::Access> access = std::make_shared<admin::Access>();
};

/// Return who may call the admin API; without tokens everybody.
[[nodiscard]] std::shared_ptr<admin::Access> access_of(
    const std::shared_ptr<AdminTokensView>& tokens);

/// Add it to the module; see bindings.h.
void bind_tokens(pybind11::module_& module);

}  // namespace incm::bindings
