#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "incm/base/log.h"

namespace incm::inbox::sqlite {

/// Detects when the file system of the inbox has less free space than the reserve.
///
/// Refusing alerts early keeps room for what must still be written for the stored ones: their
/// attempts, and the copy of the log into the file.
/// Units:   bytes that an unprivileged user may still write.
/// Threads: any.
/// Source:  docs/promises.md, P15.
class DiskReserve {
 public:
    /// reserve_bytes: 0 for none. folder: that of the inbox. log must outlive this object.
    DiskReserve(std::string folder, std::int64_t reserve_bytes, base::LogSink& log);
    DiskReserve(const DiskReserve&) = delete;
    DiskReserve& operator=(const DiskReserve&) = delete;

    /// Query the file system, and log a change with one line.
    void refresh() noexcept;
    /// Report that about this many bytes were written. The file system is queried again once they
    /// are a noticeable part of the reserve.
    void wrote(std::int64_t bytes) noexcept;

    [[nodiscard]] bool low() const noexcept { return low_.load(std::memory_order_relaxed); }
    /// Return low(), but query the file system first if it is true, so that the first alert that
    /// finds room is accepted.
    [[nodiscard]] bool low_now() noexcept {
        if (low()) {
            refresh();
        }
        return low();
    }
    [[nodiscard]] std::int64_t reserve_bytes() const noexcept { return reserve_bytes_; }
    /// Free bytes as of the last refresh().
    [[nodiscard]] std::int64_t free_bytes() const noexcept {
        return free_.load(std::memory_order_relaxed);
    }

 private:
    const std::string folder_;
    const std::int64_t reserve_bytes_;
    base::LogSink& log_;
    std::atomic<bool> low_{false};
    std::atomic<std::int64_t> free_{0};
    std::atomic<std::int64_t> unasked_{0};  ///< bytes written since the last refresh()
};

}  // namespace incm::inbox::sqlite
