#pragma once

#include <cstdint>

#include <pybind11/pybind11.h>

#include "incm/model/alert.h"

namespace incm::bindings {

/// Return an aware datetime in UTC from microseconds since the Unix epoch (years 1 to 9999).
/// Threads: with the GIL, after bind_alert().
[[nodiscard]] pybind11::object to_datetime(std::int64_t us);

}  // namespace incm::bindings
