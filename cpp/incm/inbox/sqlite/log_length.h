#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "incm/base/log.h"

namespace incm::inbox::sqlite {

/// CompletionWaiters how long the log of the open inbox is.
///
/// It is copied back and begun anew all the time, unless somebody reads an old snapshot: then it
/// grows by all that comes, until the disk is full, and each question gets slower.
/// Threads: any.
class LogLength {
 public:
    /// path: of the inbox.
    explicit LogLength(const std::string& path)
        : log_path_(path + "-wal"), index_path_(path + "-shm") {}
    LogLength(const LogLength&) = delete;
    LogLength& operator=(const LogLength&) = delete;

    /// Measure it, and warn when it has grown to kLong, and each time it has doubled since; by name
    /// of the process that reads, when the kernel says it.
    void look(base::LogSink& log) noexcept;

    /// As of the last look.
    [[nodiscard]] std::int64_t bytes() const noexcept {
        return bytes_.load(std::memory_order_relaxed);
    }
    /// How often it was warned of.
    [[nodiscard]] std::int64_t warnings() const noexcept {
        return warnings_.load(std::memory_order_relaxed);
    }

    /// SQLite makes it as short as this when it begins anew; load alone does not fill it.
    static constexpr std::int64_t kLong = 64LL * 1024 * 1024;

 private:
    const std::string log_path_;
    const std::string index_path_;
    std::int64_t next_warning_ = kLong;  ///< of the thread that looks
    std::atomic<std::int64_t> bytes_{0};
    std::atomic<std::int64_t> warnings_{0};
};

}  // namespace incm::inbox::sqlite
