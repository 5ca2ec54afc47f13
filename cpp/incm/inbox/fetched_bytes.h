#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace incm::inbox {

/// Is notified when bytes are freed.
/// Threads: any may call.
class RoomWaiter {
 public:
    RoomWaiter() = default;
    RoomWaiter(const RoomWaiter&) = delete;
    RoomWaiter& operator=(const RoomWaiter&) = delete;
    virtual ~RoomWaiter() = default;

    virtual void room_freed() = 0;
};

/// Counts the bytes of the texts that all plugins have fetched and neither settled nor given back.
///
/// One plugin may have kMaxOfOne, all plugins together kMaxOfAll. Each plugin may always have
/// kAlwaysOfOne, and one delivery of any size, so that a plugin that holds much does not delay the
/// others.
/// Threads: any.
/// Source:  docs/security.md.
class FetchedBytes {
 public:
    static constexpr std::int64_t kMaxOfOne = 8LL << 20;
    static constexpr std::int64_t kMaxOfAll = 64LL << 20;
    static constexpr std::int64_t kAlwaysOfOne = 256LL << 10;

    FetchedBytes() = default;
    FetchedBytes(const FetchedBytes&) = delete;
    FetchedBytes& operator=(const FetchedBytes&) = delete;

    /// Also call room_freed() of this waiter when awaited bytes are freed. Errors: bad_alloc.
    void add(RoomWaiter& waiter) {
        const std::lock_guard lock(mutex_);
        waiters_.push_back(&waiter);
    }

    /// Return how many more bytes a plugin that has `own` bytes may fetch; 0 or less: none.
    [[nodiscard]] std::int64_t room(std::int64_t own) const noexcept;
    /// Whether the other plugins leave it less than it may have.
    [[nodiscard]] bool is_short(std::int64_t own) const noexcept;
    /// Add the bytes of this many deliveries; false when there is no room.
    [[nodiscard]] bool try_add(std::int64_t bytes, std::int64_t own,
                               std::size_t deliveries) noexcept;
    /// Free bytes. The caller holds no lock.
    void free(std::int64_t bytes);
    /// Have room_freed() of all waiters called when bytes are freed next. Call room() once more
    /// after this: bytes may have been freed before it.
    void await() noexcept { awaited_ = true; }

 private:
    std::atomic<std::int64_t> total_{0};
    std::atomic<bool> awaited_{false};
    std::mutex mutex_;  // protects waiters_
    std::vector<RoomWaiter*> waiters_;
};

}  // namespace incm::inbox
