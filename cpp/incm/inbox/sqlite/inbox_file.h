#pragma once

#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace incm::inbox::sqlite {

// Operations on the file of an inbox that need no SQLite.

/// A file descriptor that is closed at the end of the scope; get() is negative when the file could
/// not be opened.
class Descriptor {
 public:
    Descriptor(const std::string& path, int flags)
        : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }
    [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
    int descriptor_;
};

/// Resolve the links in a path, and check early whether it can hold an inbox.
///
/// Shape:   path -> absolute path, so that two names of one file have one lock file.
/// Errors:  base::Failure kInboxUnusable: the folder is missing, or the path is not a regular file;
///          kInboxUnavailable: the disk cannot be reached.
[[nodiscard]] std::string resolve(const std::string& path);

/// Check that a file has the header of an inbox of a version that this program knows. Does not use
/// SQLite, which would already create -wal and -shm.
/// Errors:  base::Failure kInboxForeign, kInboxNewer, start_failure().
void check_identity(const std::string& path);

/// Remove the remains of an earlier attempt to create a file. Errors: start_failure().
void remove_unfinished(const std::string& path);
/// Remove the remains of an attempt that has just failed, as far as that is possible.
void give_up_unfinished(const std::string& path) noexcept;

/// Sync a file, or a folder with O_DIRECTORY, to disk. Errors: start_failure().
void sync(const std::string& path, int flags);

/// Return the name of the file that asks the next start to check every page of an inbox.
[[nodiscard]] std::string check_marker(const std::string& path);
/// Ask the next start to check the whole file, because this process could not write it to disk.
/// Best effort: the disk is failing.
void ask_for_check(const std::string& path) noexcept;

}  // namespace incm::inbox::sqlite
