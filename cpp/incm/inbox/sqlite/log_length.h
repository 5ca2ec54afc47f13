#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "incm/base/log.h"

namespace incm::inbox::sqlite {

/// Watches the length of the log of the open inbox.
///
/// SQLite regularly copies the log back and starts it again from the beginning. It cannot do that
/// while a process reads an old snapshot: then the log grows with every change until the disk is
/// full, and each query gets slower.
/// Threads: any.
class LogLength {
 public:
    /// path: of the inbox.
    explicit LogLength(const std::string& path)
        : log_path_(path + "-wal"), index_path_(path + "-shm") {}
    LogLength(const LogLength&) = delete;
    LogLength& operator=(const LogLength&) = delete;

    /// Measure the log. Log a warning when it has grown to kLong, and each time it has doubled
    /// since. The warning names the process that reads, when the kernel reports it.
    void look(base::LogSink& log) noexcept;

    /// The length at the last measurement.
    [[nodiscard]] std::int64_t bytes() const noexcept {
        return bytes_.load(std::memory_order_relaxed);
    }
    /// The number of warnings so far.
    [[nodiscard]] std::int64_t warnings() const noexcept {
        return warnings_.load(std::memory_order_relaxed);
    }

    /// SQLite cuts the log to this length when it starts it again; load alone does not fill it.
    static constexpr std::int64_t kLong = 64LL * 1024 * 1024;

 private:
    const std::string log_path_;
    const std::string index_path_;
    std::int64_t next_warning_ = kLong;  ///< used by the measuring thread only
    std::atomic<std::int64_t> bytes_{0};
    std::atomic<std::int64_t> warnings_{0};
};

}  // namespace incm::inbox::sqlite
