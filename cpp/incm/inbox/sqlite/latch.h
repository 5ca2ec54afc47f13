#pragma once

#include <atomic>
#include <cstdint>

namespace incm::inbox::sqlite {

/// A gate that opens once, for many waiting threads.
///
/// std::atomic::wait of libstdc++ yields the processor four times before it sleeps. That never pays
/// before an fsync, and cost a tenth of the CPU time of an append. A condition variable would make
/// the woken threads queue for its mutex.
/// Threads: any. Memory written before open() is visible after wait().
class Latch {
 public:
    Latch() = default;
    Latch(const Latch&) = delete;
    Latch& operator=(const Latch&) = delete;

    /// Release all waiting threads with one wake-up.
    void open() noexcept;
    void wait() noexcept;

 private:
    std::atomic<std::uint32_t> open_{0};
    static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
};

}  // namespace incm::inbox::sqlite
