#pragma once

#include <functional>
#include <thread>

namespace incm::base {

/// Start a thread on which no signal handler runs, because signals belong to the threads of the
/// application.
///
/// name: at most 15 characters; `ps -L` shows it.
[[nodiscard]] std::thread start_without_signals(const char* name, std::function<void()> body);

}  // namespace incm::base
