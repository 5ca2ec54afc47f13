#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace incm::base {

/// Write a time as `2026-11-23T23:03:01.123+01:00`, in the time zone of this machine ("Z" when that
/// is UTC). The tables of the commands show times the same way.
///
/// Units:   wall_ms: Unix time in milliseconds.
/// Shape:   writes at most 39 bytes and a terminating zero into text. Returns the number of bytes
///          without the zero, or 0 when they do not fit.
/// Threads: any.
std::size_t write_local_time(char* text, std::size_t size, std::int64_t wall_ms) noexcept;

/// Return that time as a string.
[[nodiscard]] std::string local_time(std::int64_t wall_ms);

}  // namespace incm::base
