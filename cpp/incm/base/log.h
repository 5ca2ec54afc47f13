#pragma once

#include <string_view>

namespace incm::base {

enum class LogLevel { kInfo, kWarning, kError };

/// The destination of the core's log lines. Implementations must be callable from any thread, must
/// not throw, and must not call Python (a logger that takes the GIL can deadlock with a thread that
/// holds it).
class LogSink {
 public:
    LogSink() = default;
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    virtual ~LogSink() = default;

    /// Write one line. text: printable (see printable()), without secrets or bodies.
    virtual void write(LogLevel level, std::string_view text) noexcept = 0;
};

/// The sink that writes to standard error (standard_error.h), in the style of the process, as the
/// logger `core` (log_line.h).
class StderrSink final : public LogSink {
 public:
    void write(LogLevel level, std::string_view text) noexcept override;
};

}  // namespace incm::base
