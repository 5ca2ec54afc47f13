#pragma once

#include <cstdint>

namespace incm::base {

/// Resident memory of this process in bytes; 0 where it cannot be told.
[[nodiscard]] std::int64_t resident_bytes() noexcept;

/// Gives memory that was freed back to the system.
///
/// glibc keeps what lies below a block that is still in use, in an arena for each thread: after a
/// burst of large alerts, most of what they took. To give it back costs as much as there is, and
/// little when there is none, so it is tried when the process has clearly more than it once had:
/// each second while that helps, and more and more rarely, at last each minute, while it does not.
/// With another C library look() does nothing.
/// Threads: one at a time.
/// Source:  own choice; measured by bench/memory.py.
class FreedMemory {
 public:
    /// To be called once a second.
    void look() noexcept;

 private:
    std::int64_t least_ = 0;  ///< that was resident; 0: not known
    int seconds_left_ = 0;    ///< until it is tried again
    int pause_ = 1;
};

}  // namespace incm::base
