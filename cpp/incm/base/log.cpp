#include "incm/base/log.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "incm/base/clock.h"
#include "incm/base/local_time.h"
#include "incm/base/standard_error.h"

namespace incm::base {
namespace {

// Up to this size (PIPE_BUF on Linux) a write to a pipe is not mixed with writes of other threads.
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

/// The local time of this machine, in the format of the tables of the commands.
std::size_t write_head(char* line, std::size_t size, LogLevel level) {
    const std::size_t stamp = write_local_time(line, size, now().wall_ms);
    const int length = std::snprintf(line + stamp, size - stamp, " %s core: ", name_of(level));
    return length < 0 ? stamp : std::min(stamp + static_cast<std::size_t>(length), size - 1);
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
