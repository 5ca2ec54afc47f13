#include "incm/base/log.h"

#include <algorithm>
#include <array>
#include <cstdio>

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

std::size_t write_head(char* line, std::size_t size, LogLevel level) {
    const std::int64_t wall_ms = now().wall_ms;
    const time_t seconds = wall_ms / 1000;
    tm utc{};
    gmtime_r(&seconds, &utc);
    const int length = std::snprintf(
        line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s core: ", utc.tm_year + 1900,
        utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
        static_cast<int>(wall_ms % 1000), name_of(level));
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
