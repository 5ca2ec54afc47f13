#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace incm::base {

/// How a line of the log is written.
enum class LogFormat : std::uint8_t {
    kText,     ///< `TIME LEVEL LOGGER: TEXT`, for people
    kJson,     ///< one JSON object
    kJournal,  ///< `<PRIORITY>LOGGER: TEXT`, for the journal of systemd (sd-daemon(3))
};

/// The severity of a line, as syslog counts it (RFC 5424, section 6.2.1).
enum class Priority : std::uint8_t { kError = 3, kWarning = 4, kInfo = 6 };

/// The style of all lines that this process writes.
struct alignas(4) LogStyle {
    LogFormat format = LogFormat::kText;
    bool is_coloured = false;          ///< the level, for a terminal; only with kText
    Priority least = Priority::kInfo;  ///< lines that are less severe are not written
};

/// Set the style. Standard error belongs to the whole process, and so does this. Threads: any.
void set_log_style(const LogStyle& style) noexcept;
[[nodiscard]] LogStyle log_style() noexcept;

/// A member of a JSON line besides the text. Other formats leave it out.
struct LogFact {
    std::string_view name;
    std::string_view value;  ///< not empty
    bool is_text = false;    ///< whether the value is a text; else it is a number as JSON writes it
};

/// Up to this size (PIPE_BUF on Linux) a write to a pipe is not mixed with writes of others.
inline constexpr std::size_t kMaxLogLineBytes = 4096;

/// Write one line of the log in the style of the process.
///
/// Shape:   line: room for kMaxLogLineBytes. Returns the size, with the line end. Of a text that is
///          too long the beginning is written, then "...". Facts that do not fit are left out.
///          Bytes that are not printable ASCII are escaped in a JSON line; for the other formats
///          the text must be printable (bytes.h).
/// Units:   the time is that of this machine in kText, UTC in kJson; milliseconds.
/// Threads: any.
/// Source:  docs/logging.md; python/incm_webhook/text/log_lines.py writes the same schema.
std::size_t write_log_line(std::span<char, kMaxLogLineBytes> line, Priority priority,
                           std::string_view logger, std::string_view text,
                           std::span<const LogFact> facts = {}) noexcept;

}  // namespace incm::base
