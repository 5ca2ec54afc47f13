#include "incm/inbox/sqlite/disk_trouble.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace incm::inbox::sqlite {

namespace {

/// Sixteen of these blocks are as large as a commit of the largest alerts.
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
constexpr int kPieces = 16;

}  // namespace

bool is_of_disk(int reason) noexcept {
    switch (reason) {
        case ENOSPC:
        case EDQUOT:
        case EROFS:
        case EIO:
        case ENXIO:
        case ESTALE:
        case ETIMEDOUT:
        case ENOTCONN:
        case EREMOTEIO:
            return true;
        default:
            return false;
    }
}

base::Failure start_failure(int reason, const std::string& text) {
    return base::Failure(
        {is_of_disk(reason) ? base::ErrorCode::kInboxUnavailable : base::ErrorCode::kInboxUnusable,
         text});
}

bool has_room(const std::string& folder) noexcept {
    const int file = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) {
        return !is_of_disk(errno);
    }
    // The file is really written, since not every limit applies to allocated space.
    static constexpr std::array<char, kPieceBytes> kZeros{};
    bool fits = true;
    for (int i = 0; fits && i < kPieces; ++i) {
        fits = write(file, kZeros.data(), kZeros.size()) == static_cast<ssize_t>(kZeros.size());
    }
    close(file);
    return fits;
}

}  // namespace incm::inbox::sqlite
