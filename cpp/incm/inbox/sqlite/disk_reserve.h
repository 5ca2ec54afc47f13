#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "incm/base/log.h"

namespace incm::inbox::sqlite {

/// Says when the file system of the inbox has less free space than shall be left.
///
/// Refusing alerts early keeps room for what must still be written for those that are stored:
/// their attempts, and the log's way back into the file.
/// Units:   bytes that an unprivileged user may still write.
/// Threads: any.
/// Source:  docs/promises.md, P15.
class DiskReserve {
 public:
    /// reserve_bytes: 0 for none. folder: of the inbox. log must outlive this.
    DiskReserve(std::string folder, std::int64_t reserve_bytes, base::LogSink& log);
    DiskReserve(const DiskReserve&) = delete;
    DiskReserve& operator=(const DiskReserve&) = delete;

    /// Ask the file system; a change is one line in the log.
    void refresh() noexcept;
    /// About so many bytes were written: ask again once that is a noticeable part of the reserve.
    void wrote(std::int64_t bytes) noexcept;

    [[nodiscard]] bool low() const noexcept { return low_.load(std::memory_order_relaxed); }
    /// As low(), but what was low is looked at again, so that the first one with room is taken.
    [[nodiscard]] bool low_now() noexcept {
        if (low()) {
            refresh();
        }
        return low();
    }
    [[nodiscard]] std::int64_t reserve_bytes() const noexcept { return reserve_bytes_; }
    /// As of the last refresh().
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
