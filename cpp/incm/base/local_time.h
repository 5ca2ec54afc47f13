#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace incm::base {

/// Write a time as `2026-11-23T23:03:01.123+01:00`, in the time zone of this machine, as the tables
/// of the commands have it ("Z" where that is UTC).
///
/// Units:   wall_ms: Unix time in milliseconds.
/// Shape:   at most 39 bytes and an end go into text; returns how many, 0 when they do not fit.
/// Threads: any.
std::size_t write_local_time(char* text, std::size_t size, std::int64_t wall_ms) noexcept;

/// The same as a string.
[[nodiscard]] std::string local_time(std::int64_t wall_ms);

}  // namespace incm::base
