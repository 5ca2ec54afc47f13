#pragma once

#include <vector>

#include <pybind11/pybind11.h>

#include "incm/base/secret.h"

namespace incm::bindings {

/// A secret out of a str (UTF-8) or bytes. Errors: TypeError, ValueError when empty. Threads: with
/// the GIL.
[[nodiscard]] base::Secret secret_from(const pybind11::handle& object);

/// Secrets out of a list or tuple of them. Errors: as secret_from(). Threads: with the GIL.
[[nodiscard]] std::vector<base::Secret> secrets_from(const pybind11::sequence& objects);

}  // namespace incm::bindings
