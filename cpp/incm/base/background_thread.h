#pragma once

#include <functional>
#include <thread>

namespace incm::base {

/// Start a thread on which no signal handler runs: signals are for the threads of the application.
///
/// name: at most 15 characters, as `ps -L` shows it.
[[nodiscard]] std::thread start_without_signals(const char* name, std::function<void()> body);

}  // namespace incm::base
