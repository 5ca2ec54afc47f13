#pragma once

#include <string_view>

namespace incm::base {

/// Write a line to standard error without letting a stalled reader block the caller.
///
/// Its reader may stall: a paused terminal, a log collector that hangs. An alert must not wait for
/// that. So one line waits up to a second for room. After that, lines are dropped until there is
/// room again; then a line reports how many were dropped.
///
/// Shape:   line: including its line end. In a pipe, a line of up to 4096 bytes is not mixed with
///          lines of other processes. A line that was dropped after a part of it was written (a
///          long line, a terminal) gets a line end.
/// Errors:  none; a failure of standard error itself cannot be reported anywhere.
/// Threads: any; does not take the GIL.
/// Source:  own choice (docs/decisions.md).
void write_to_stderr(std::string_view line) noexcept;

}  // namespace incm::base
