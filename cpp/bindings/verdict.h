#pragma once

#include <pybind11/pybind11.h>

#include "incm/auth/signature.h"

namespace incm::bindings {

/// The Python type Verdict, which shows an auth::Verdict.
///
/// A type of Python's own interface, and not one of pybind11: a verdict is made for each request,
/// and pybind11's bookkeeping for an object and its attributes took a sixth of the time of
/// verifying and reading an alert.
///
/// Threads: with the GIL. A copy refers to the same type.
class VerdictType {
 public:
    /// Add the type to the module.
    explicit VerdictType(pybind11::module_& module);

    /// Make the Verdict about a body. text() of the new object is the body itself when that was
    /// signed, so that it is not copied.
    [[nodiscard]] pybind11::object make(const auth::Verdict& verdict,
                                        const pybind11::object& body) const;

 private:
    pybind11::object type_;
};

}  // namespace incm::bindings
