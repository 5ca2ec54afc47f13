#include "incm/base/log.h"

#include <array>

#include "incm/base/log_line.h"
#include "incm/base/standard_error.h"

namespace incm::base {
namespace {

Priority priority_of(LogLevel level) {
    switch (level) {
        case LogLevel::kInfo:
            return Priority::kInfo;
        case LogLevel::kWarning:
            return Priority::kWarning;
        case LogLevel::kError:
            break;
    }
    return Priority::kError;
}

}  // namespace

void StderrSink::write(LogLevel level, std::string_view text) noexcept {
    const Priority priority = priority_of(level);
    if (priority > log_style().least) return;
    std::array<char, kMaxLogLineBytes> line;
    write_to_stderr({line.data(), write_log_line(line, priority, "core", text)});
}

}  // namespace incm::base
