#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "incm/base/kept_from_children.h"

namespace incm::inbox::sqlite {

/// Makes this process the only one with an inbox open, by two locks on a file beside it.
///
/// - fcntl(2): belongs to this process alone, no child inherits it, and the kernel reports its
///   owner. It is lost when this process closes any descriptor of the file, as a plugin that copies
///   files may do.
/// - flock(2): is not lost in that way. It also works against a second inbox of this process, and
///   against older versions of this program, which had only this lock. A child would inherit it, so
///   it is kept from children.
///
/// The locks are not on the database itself, because closing any other descriptor of that file
/// would drop the POSIX locks that SQLite holds on it.
/// Shape:   the first line of the file is the process id. The text after it belongs to the holder
///          of the lock, see leave().
/// Threads: owned by one.
class FileLock {
 public:
    /// Errors:  base::Failure: kInboxInUse, which names the process that holds the lock;
    ///          kInboxUnusable when the lock file cannot be created, or the file system cannot
    ///          lock; kInboxUnavailable when the disk cannot be written.
    explicit FileLock(const std::string& path);
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    /// Releases the lock. Removes its file when this object created it and keep() was not called,
    /// so that no new file is left beside a refused foreign file.
    ~FileLock();

    void keep() noexcept { created_ = false; }

    /// The text after the first line at the time when the lock was taken.
    [[nodiscard]] const std::string& left() const noexcept { return left_; }
    /// Write a text after the first line, without waiting for the disk. When it cannot be written,
    /// nothing is there.
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
