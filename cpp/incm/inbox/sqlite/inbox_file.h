#pragma once

#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace incm::inbox::sqlite {

// The file of an inbox as a file: everything that needs no SQLite.

/// A file of its own that is closed at the end of the scope; get() is negative when it could not be
/// opened.
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

/// Resolve the links in a path and say early what makes it useless.
///
/// Shape:   path -> absolute path, so that two names of one file have one lock file.
/// Errors:  base::Failure kInboxUnusable: no folder, or something that is no regular file;
///          kInboxUnavailable: the disk cannot be reached.
[[nodiscard]] std::string resolve(const std::string& path);

/// See that a file has the header of an inbox of a version that this program knows, without SQLite,
/// which would already make its -wal and -shm. Errors: base::Failure kInboxForeign, kInboxNewer,
/// start_failure().
void check_identity(const std::string& path);

/// Remove what an earlier attempt left of a file that was to be made. Errors: start_failure().
void remove_unfinished(const std::string& path);
/// The same, as far as it goes, for an attempt that has failed.
void give_up_unfinished(const std::string& path) noexcept;

/// Write a file, or a folder with O_DIRECTORY, to disk. Errors: start_failure().
void sync(const std::string& path, int flags);

/// The file that asks the next start to check every page of an inbox.
[[nodiscard]] std::string check_marker(const std::string& path);
/// Ask the next start to check the whole file, because this process could not write it to disk.
/// Best effort: the disk is failing.
void ask_for_check(const std::string& path) noexcept;

}  // namespace incm::inbox::sqlite
