#include "incm/base/log.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include <time.h>

#include "incm/base/clock.h"
#include "incm/base/standard_error.h"

namespace incm::base {
namespace {

// Up to this size (PIPE_BUF on Linux) a write to a pipe is not mixed with those of other threads.
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::string_view kCut = "...";

const char* name_of(LogLevel level) {
    switch (level) {
        case LogLevel::kInfo:
            return "INFO ";
        case LogLevel::kWarning:
            return "WARN ";
        case LogLevel::kError:
            break;
    }
    return "ERROR";
}

/// The time of this machine with its distance from UTC, as the tables of the commands have it.
std::size_t write_head(char* line, std::size_t size, LogLevel level) {
    const std::int64_t wall_ms = now().wall_ms;
    const time_t seconds = wall_ms / 1000;
    tm local{};
    localtime_r(&seconds, &local);
    std::array<char, 8> zone{'Z'};
    if (const long minutes = local.tm_gmtoff / 60; minutes != 0) {
        std::snprintf(zone.data(), zone.size(), "%c%02d:%02d", minutes < 0 ? '-' : '+',
                      static_cast<int>(std::abs(minutes) / 60 % 100),
                      static_cast<int>(std::abs(minutes) % 60));
    }
    const int length = std::snprintf(
        line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s %s core: ", local.tm_year + 1900,
        local.tm_mon + 1, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
        static_cast<int>(wall_ms % 1000), zone.data(), name_of(level));
    return length < 0 ? 0 : std::min(static_cast<std::size_t>(length), size - 1);
}

}  // namespace

void StderrSink::write(LogLevel level, std::string_view text) noexcept {
    std::array<char, kMaxLineBytes> line{};
    std::size_t size = write_head(line.data(), line.size(), level);
    const std::size_t room = line.size() - size - 1;
    const bool fits = text.size() <= room;
    const std::size_t copied = fits ? text.size() : room - kCut.size();
    size += text.copy(line.data() + size, copied);
    if (!fits) {
        size += kCut.copy(line.data() + size, kCut.size());
    }
    line[size++] = '\n';
    write_to_stderr({line.data(), size});
}

}  // namespace incm::base
