#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "incm/base/kept_from_children.h"

namespace incm::inbox::sqlite {

/// The right to be the only process with an inbox open: two locks on a file beside it.
///
/// - fcntl(2): belongs to this process alone, no child inherits it, and the kernel knows who it is.
///   It is lost when this process closes any descriptor of the file, as a copying plugin may do.
/// - flock(2): is not lost by that, holds against a second inbox of this process, and against
///   programs before this one, which took no other. A child would inherit it, so it is kept from
///   children.
///
/// Not a lock on the database itself, because closing any other descriptor of that file would drop
/// the POSIX locks that SQLite holds on it.
/// Shape:   the file begins with a line that is the process id; what follows it is whose has the
///          lock, see leave().
/// Threads: owned by one.
class FileLock {
 public:
    /// Errors:  throws base::Failure: kInboxInUse with the process that holds it, kInboxUnusable
    ///          when the lock file cannot be made, or the file system cannot lock;
    ///          kInboxUnavailable when it is the disk that cannot be written.
    explicit FileLock(const std::string& path);
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    /// Releases the lock. Removes its file when this object made it and keep() was not called, so
    /// that a refused foreign file has no new neighbour.
    ~FileLock();

    void keep() noexcept { created_ = false; }

    /// What stood behind the first line when the lock was taken.
    [[nodiscard]] const std::string& left() const noexcept { return left_; }
    /// Let this stand behind the first line, without waiting for the disk. When it cannot be
    /// written, nothing stands there.
    void leave(std::string_view text) noexcept;

 private:
    [[nodiscard]] bool try_lock(const std::string& path);
    [[nodiscard]] bool name_holder();
    void give_up() noexcept;

    std::string path_;
    std::string left_;
    off_t behind_line_ = 0;
    int descriptor_ = -1;
    bool created_ = false;
    base::KeptFromChildren kept_;
};

}  // namespace incm::inbox::sqlite
