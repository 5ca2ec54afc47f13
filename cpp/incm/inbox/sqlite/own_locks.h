#pragma once

#include <mutex>
#include <set>
#include <string>
#include <tuple>

#include <sys/stat.h>
#include <sys/types.h>

namespace incm::inbox::sqlite {

/// Lists the lock files that this process holds. It is needed because an fcntl(2) lock does not
/// stop the same process, and is lost when a second descriptor of the file is closed.
///
/// Threads: any.
class OwnLocks {
 public:
    [[nodiscard]] static OwnLocks& of_process();

    /// A FileLock holds this mutex during its construction: one at a time.
    [[nodiscard]] std::mutex& opening() noexcept { return opening_; }
    void add(const struct stat& file);
    void remove(const struct stat& file) noexcept;
    /// Whether this process holds the lock of a file. If so, it must not open and close the file.
    [[nodiscard]] bool has(const std::string& path);

 private:
    /// Contains the process id, since a child has a copy of the set.
    using Key = std::tuple<pid_t, dev_t, ino_t>;

    std::mutex opening_;
    std::mutex mutex_;  // protects files_
    std::set<Key> files_;
};

}  // namespace incm::inbox::sqlite
