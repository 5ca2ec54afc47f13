#include "incm/inbox/sqlite/disk_reserve.h"

#include <algorithm>
#include <utility>

#include <sys/statvfs.h>

namespace incm::inbox::sqlite {

namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

std::string mebibytes(std::int64_t bytes) {
    return std::to_string(bytes / kMiB) + " MiB";
}

}  // namespace

DiskReserve::DiskReserve(std::string folder, std::int64_t reserve_bytes, base::LogSink& log)
    : folder_(std::move(folder)), reserve_bytes_(reserve_bytes), log_(log) {
    refresh();
}

void DiskReserve::refresh() noexcept {
    unasked_.store(0, std::memory_order_relaxed);
    struct statvfs disk {};
    if (statvfs(folder_.c_str(), &disk) != 0) {
        return;  // The next write reports what is wrong.
    }
    const auto free = static_cast<std::int64_t>(disk.f_bavail * disk.f_frsize);
    free_.store(free, std::memory_order_relaxed);
    const bool low = free < reserve_bytes_;
    if (low_.exchange(low, std::memory_order_relaxed) == low) {
        return;
    }
    if (low) {
        log_.write(base::LogLevel::kError,
                   "the disk of the inbox is nearly full (" + mebibytes(free) + " free, " +
                       mebibytes(reserve_bytes_) +
                       " are kept in reserve): new alerts are refused until there is room");
    } else {
        log_.write(base::LogLevel::kInfo, "the disk of the inbox has room again (" +
                                              mebibytes(free) +
                                              " free): alerts are accepted again");
    }
}

void DiskReserve::wrote(std::int64_t bytes) noexcept {
    const std::int64_t noticeable = std::min(reserve_bytes_ / 8, kMiB);
    if (unasked_.fetch_add(bytes, std::memory_order_relaxed) + bytes > noticeable) {
        refresh();
    }
}

}  // namespace incm::inbox::sqlite
