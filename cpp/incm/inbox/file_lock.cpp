#include "incm/inbox/file_lock.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/result.h"

namespace incm::inbox {

namespace {

std::string holder_of(int descriptor) {
    std::array<char, 32> text{};
    const ssize_t size = pread(descriptor, text.data(), text.size() - 1, 0);
    std::string digits;
    for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' &&
                        text[static_cast<std::size_t>(i)] <= '9';
         ++i) {
        digits += text[static_cast<std::size_t>(i)];
    }
    return digits.empty() ? "unknown" : digits;
}

bool same_file(int descriptor, const std::string& path) {
    struct stat opened {};
    struct stat named {};
    return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

[[noreturn]] void unusable(const std::string& path) {
    throw base::Failure({base::ErrorCode::kInboxUnusable,
                         "cannot write the lock file " + path + " (" + std::strerror(errno) +
                             "): give this user write access to its folder"});
}

}  // namespace

FileLock::FileLock(const std::string& path) : path_(path) {
    while (!try_lock(path)) {
    }
    const std::string pid = std::to_string(getpid()) + "\n";
    if (ftruncate(descriptor_, 0) != 0 ||
        pwrite(descriptor_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        const int reason = errno;
        if (created_) {
            unlink(path.c_str());
        }
        close(descriptor_);
        errno = reason;
        unusable(path);
    }
}

/// False when another process removed the file between open and lock: start again.
bool FileLock::try_lock(const std::string& path) {
    constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    descriptor_ = open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0640);
    created_ = descriptor_ >= 0;
    if (!created_ && errno == EEXIST) {
        descriptor_ = open(path.c_str(), kFlags);
        if (descriptor_ < 0 && errno == ENOENT) {
            return false;
        }
    }
    if (descriptor_ < 0) {
        unusable(path);
    }
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        const std::string holder = holder_of(descriptor_);
        close(descriptor_);
        throw base::Failure(
            {base::ErrorCode::kInboxInUse, "another process has the inbox open (process " + holder +
                                               ", lock file " + path + "): stop it first"});
    }
    if (!same_file(descriptor_, path)) {
        close(descriptor_);
        return false;
    }
    return true;
}

FileLock::~FileLock() {
    if (created_) {
        unlink(path_.c_str());
    }
    close(descriptor_);
}

}  // namespace incm::inbox
