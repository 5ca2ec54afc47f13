#pragma once

#include <string>

namespace incm::inbox {

/// The right to be the only process with an inbox open: flock(2) on a file beside it.
///
/// Not a lock on the database itself, because closing any other descriptor of that file would drop
/// the POSIX locks that SQLite holds on it.
/// Threads: owned by one.
class FileLock {
 public:
    /// Errors:  throws base::Failure: kInboxInUse with the process id of the holder,
    ///          kInboxUnusable when the lock file cannot be made.
    explicit FileLock(const std::string& path);
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    /// Releases the lock. Removes its file when this object made it and keep() was not called, so
    /// that a refused foreign file has no new neighbour.
    ~FileLock();

    void keep() noexcept { created_ = false; }

 private:
    [[nodiscard]] bool try_lock(const std::string& path);

    std::string path_;
    int descriptor_ = -1;
    bool created_ = false;
};

}  // namespace incm::inbox
