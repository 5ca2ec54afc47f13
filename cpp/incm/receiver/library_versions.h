#pragma once

#include <string>
#include <utility>
#include <vector>

namespace incm::receiver {

/// The libraries that the core uses, each with its name and the version in use, which may be the
/// system's or one inside a wheel.
/// Threads: any.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace incm::receiver
