#pragma once

#include <cstdint>

namespace incm::base {

/// Resident memory of this process in bytes; 0 when it cannot be determined.
[[nodiscard]] std::int64_t resident_bytes() noexcept;

/// Returns freed memory to the system.
///
/// glibc has an arena for each thread, and keeps the freed memory that lies below a block still in
/// use. After a burst of large alerts that is most of the memory they took. Returning it costs time
/// in proportion to its amount, and little when there is none. So it is tried when the process has
/// clearly more memory than it once had: each second while that helps, and less and less often,
/// down to once a minute, while it does not help. With another C library look() does nothing.
/// Threads: one at a time.
/// Source:  own choice; measured by bench/memory.py.
class FreedMemory {
 public:
    /// Return freed memory if that is due. Call this once a second.
    void look() noexcept;

 private:
    std::int64_t least_ = 0;  ///< least resident memory seen; 0: not known
    int seconds_left_ = 0;    ///< until the next try
    int pause_ = 1;
};

}  // namespace incm::base
