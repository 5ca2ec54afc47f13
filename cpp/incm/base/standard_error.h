#pragma once

#include <string_view>

namespace incm::base {

/// Write a line to standard error without letting its reader stop the caller.
///
/// Who reads it may stop to: a paused terminal, a log collector that hangs. An alert must not wait
/// for that. So a line waits up to a second for room, once; after that lines are dropped until
/// there is room again, and then one line says how many.
///
/// Shape:   line: with its line end. One of up to 4096 bytes is not mixed with those of others in a
///          pipe. What of a dropped one is there already (a long one, a terminal) gets a line end.
/// Errors:  none; nobody is left to tell when standard error itself fails.
/// Threads: any; does not take the GIL.
/// Source:  own choice (docs/decisions.md).
void write_to_stderr(std::string_view line) noexcept;

}  // namespace incm::base
