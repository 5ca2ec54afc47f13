#include "incm/inbox/sqlite/latch.h"

#include <limits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace incm::inbox::sqlite {

void Latch::open() noexcept {
    open_.store(1, std::memory_order_release);
    syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(), nullptr,
            nullptr, 0);
}

void Latch::wait() noexcept {
    while (open_.load(std::memory_order_acquire) == 0) {
        syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
}

}  // namespace incm::inbox::sqlite
