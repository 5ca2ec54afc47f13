#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace incm::inbox {

/// Waits until bytes are free. Threads: any may call.
class RoomWaiter {
 public:
    virtual void room_freed() = 0;

 protected:
    ~RoomWaiter() = default;
};

/// How much text of alerts is taken and neither settled nor given back, of all plugins together.
///
/// One plugin may have kMaxOfOne, all together kMaxOfAll. Whatever the others have, one may have
/// kAlwaysOfOne, and one delivery however large: who holds much delays nobody else.
/// Threads: any, once the waiters are added.
/// Source:  docs/security.md.
class TakenBytes {
 public:
    static constexpr std::int64_t kMaxOfOne = 8LL << 20;
    static constexpr std::int64_t kMaxOfAll = 64LL << 20;
    static constexpr std::int64_t kAlwaysOfOne = 256LL << 10;

    TakenBytes() = default;
    TakenBytes(const TakenBytes&) = delete;
    TakenBytes& operator=(const TakenBytes&) = delete;

    /// Call room_freed() of this one, too, when bytes that were awaited are free. Errors:
    /// bad_alloc.
    void add(RoomWaiter& waiter) { waiters_.push_back(&waiter); }

    /// How much a plugin that has `own` may take more; 0 or less: nothing.
    [[nodiscard]] std::int64_t room(std::int64_t own) const noexcept;
    /// Whether it is the others who leave it less than it may have.
    [[nodiscard]] bool is_short(std::int64_t own) const noexcept;
    /// Take the bytes of so many deliveries; false when there is no room.
    [[nodiscard]] bool take(std::int64_t bytes, std::int64_t own, std::size_t deliveries) noexcept;
    /// The caller holds no lock.
    void free(std::int64_t bytes);
    /// Call room_freed() of all waiters when bytes are freed next. Look at room() once more after
    /// this call: some may have been freed before it.
    void await() noexcept { awaited_ = true; }

 private:
    std::atomic<std::int64_t> taken_{0};
    std::atomic<bool> awaited_{false};
    std::vector<RoomWaiter*> waiters_;
};

}  // namespace incm::inbox
