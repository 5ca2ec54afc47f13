#pragma once

#include <pybind11/pybind11.h>

#include "incm/base/result.h"

namespace incm::bindings {

namespace py = pybind11;

/// Each function adds one subject to the module; module.cpp calls them in order.
/// Threads: with the GIL, while the module is imported.
void bind_errors(py::module_& module);
void bind_log(py::module_& module);
void bind_process(py::module_& module);
void bind_alert(py::module_& module);
void bind_signature(py::module_& module);
void bind_clients(py::module_& module);
void bind_watch(py::module_& module);
void bind_filter(py::module_& module);
void bind_routing(py::module_& module);
void bind_delivery(py::module_& module);
void bind_state(py::module_& module);
void bind_spans(py::module_& module);
void bind_health(py::module_& module);
void bind_receiver(py::module_& module);
void bind_offline(py::module_& module);

/// Return the value of a result, or throw a Failure, which the translator in bind_errors.cpp turns
/// into the Python exception.
/// Threads: with or without the GIL.
template <typename T>
T value_or_throw(base::Result<T> result) {
    if (!result.ok()) throw base::Failure(result.error());
    return std::move(result).value();
}

}  // namespace incm::bindings
