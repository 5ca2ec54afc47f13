#include "incm/base/clock.h"

#include <time.h>

namespace incm::base {
namespace {

std::int64_t read_us(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

std::int64_t read_ms(clockid_t clock) {
    return read_us(clock) / 1000;
}

}  // namespace

Instant now() {
    return Instant{.wall_ms = read_ms(CLOCK_REALTIME), .steady_ms = steady_ms()};
}

std::int64_t steady_ms() {
    return read_ms(CLOCK_BOOTTIME);
}

std::int64_t steady_us() {
    return read_us(CLOCK_BOOTTIME);
}

}  // namespace incm::base
