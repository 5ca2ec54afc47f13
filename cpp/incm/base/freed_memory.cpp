#include "incm/base/freed_memory.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fcntl.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace incm::base {

namespace {

constexpr std::int64_t kMuch = 16LL << 20;
constexpr int kLongestPauseS = 60;

void give_back() noexcept {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

}  // namespace

std::int64_t resident_bytes() noexcept {
    const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    std::array<char, 128> text{};
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    // The second number is the resident pages.
    const char* const begin = text.data();
    const char* const end = begin + std::max<ssize_t>(size, 0);
    const char* const second = std::find(begin, end, ' ');
    std::int64_t pages = 0;
    if (second != end) {
        std::from_chars(second + 1, end, pages);
    }
    return pages * ::sysconf(_SC_PAGESIZE);
}

void FreedMemory::look() noexcept {
    const std::int64_t resident = resident_bytes();
    least_ = least_ == 0 ? resident : std::min(least_, resident);
    if (seconds_left_ > 0) {
        --seconds_left_;
        return;
    }
    if (resident < least_ + kMuch) {
        pause_ = 1;
        return;
    }
    give_back();
    const std::int64_t left = resident_bytes();
    least_ = std::min(least_, left);
    pause_ = resident - left >= kMuch ? 1 : std::min(pause_ * 2, kLongestPauseS);
    seconds_left_ = pause_ - 1;
}

}  // namespace incm::base
