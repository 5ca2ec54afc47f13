#pragma once

#include <vector>

#include <pybind11/pybind11.h>

#include "incm/base/secret.h"

namespace incm::bindings {

/// Convert a str (as UTF-8) or bytes to a secret. Errors: TypeError, ValueError when it is empty.
/// Threads: with the GIL.
[[nodiscard]] base::Secret secret_from(const pybind11::handle& object);

/// Convert a list or tuple of str or bytes to secrets. Errors: as secret_from(). Threads: with the
/// GIL.
[[nodiscard]] std::vector<base::Secret> secrets_from(const pybind11::sequence& objects);

}  // namespace incm::bindings
