#include "incm/base/local_time.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <time.h>

namespace incm::base {

std::size_t write_local_time(char* text, std::size_t size, std::int64_t wall_ms) noexcept {
    const time_t seconds = wall_ms / 1000;
    tm local{};
    localtime_r(&seconds, &local);
    std::array<char, 8> zone{'Z'};
    if (const long minutes = local.tm_gmtoff / 60; minutes != 0) {
        std::snprintf(zone.data(), zone.size(), "%c%02d:%02d", minutes < 0 ? '-' : '+',
                      static_cast<int>(std::abs(minutes) / 60 % 100),
                      static_cast<int>(std::abs(minutes) % 60));
    }
    const int length =
        std::snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s", local.tm_year + 1900,
                      local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
                      static_cast<int>(wall_ms % 1000), zone.data());
    return length < 0 || static_cast<std::size_t>(length) >= size
               ? 0
               : static_cast<std::size_t>(length);
}

std::string local_time(std::int64_t wall_ms) {
    std::array<char, 64> text{};
    return {text.data(), write_local_time(text.data(), text.size(), wall_ms)};
}

}  // namespace incm::base
