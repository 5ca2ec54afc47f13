#include "incm/inbox/sqlite/file_lock.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/disk_trouble.h"
#include "incm/inbox/sqlite/file_system.h"
#include "incm/inbox/sqlite/lock_holder.h"
#include "incm/inbox/sqlite/own_locks.h"

namespace incm::inbox::sqlite {

namespace {

constexpr std::size_t kLongestFile = 4096;

bool same_file(int descriptor, const std::string& path) {
    struct stat opened {};
    struct stat named {};
    return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

[[noreturn]] void unusable(const std::string& text) {
    throw base::Failure({base::ErrorCode::kInboxUnusable, text});
}

[[noreturn]] void not_writable(const std::string& path, int reason) {
    const char* advice = ": give this user write access to its folder";
    if (is_of_disk(reason)) {
        advice = ": see to the disk";
    } else if (reason == EISDIR || reason == ELOOP || reason == ENXIO) {
        advice = ": it is not a file, move it away";
    } else if (reason == ENAMETOOLONG) {
        advice = ": give the inbox a shorter name";
    }
    throw start_failure(
        reason, "cannot write the lock file " + path + " (" + std::strerror(reason) + ")" + advice);
}

/// False when somebody else has it.
bool lock_by_process(int descriptor) {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return fcntl(descriptor, F_SETLK, &whole) == 0;
}

/// On a network file system flock(2) is implemented by the other lock, and would be refused because
/// of it.
bool lock_by_file(int descriptor, const std::string& path) {
    return !network_file_system(path).empty() || flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

bool is_somebody_elses(int reason) {
    return reason == EACCES || reason == EAGAIN || reason == EWOULDBLOCK;
}

/// False when somebody else has it.
bool lock_both(int descriptor, const std::string& path) {
    if (lock_by_process(descriptor) && lock_by_file(descriptor, path)) {
        return true;
    }
    const int reason = errno;
    if (is_somebody_elses(reason)) {
        return false;
    }
    unusable("cannot lock " + path + " (" + std::strerror(reason) + ")" + local_disk_advice(path));
}

}  // namespace

FileLock::FileLock(const std::string& path) : path_(path) {
    const std::lock_guard one_at_a_time(OwnLocks::of_process().opening());
    if (OwnLocks::of_process().has(path)) {
        throw base::Failure({base::ErrorCode::kInboxInUse, find_holder(path)->text});
    }
    while (!try_lock(path)) {
    }
}

/// Write the process id into the first line; the text after it stays.
bool FileLock::name_holder() {
    std::array<char, kLongestFile> before{};
    const ssize_t size = pread(descriptor_, before.data(), before.size(), 0);
    if (size < 0) {
        return false;
    }
    const std::string old(before.data(), static_cast<std::size_t>(size));
    const std::size_t line = old.find('\n');
    left_ = line == std::string::npos ? "" : old.substr(line + 1);
    const std::string first = std::to_string(getpid()) + "\n";
    const std::string text = first + left_;
    behind_line_ = static_cast<off_t>(first.size());
    return pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
           ftruncate(descriptor_, static_cast<off_t>(text.size())) == 0;
}

void FileLock::leave(std::string_view text) noexcept {
    const ssize_t written = pwrite(descriptor_, text.data(), text.size(), behind_line_);
    if (written != static_cast<ssize_t>(text.size())) {
        static_cast<void>(ftruncate(descriptor_, behind_line_));
    }
}

/// False when another process removed the file between open and lock; the caller starts again.
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
        not_writable(path, errno);
    }
    try {
        kept_ = base::KeptFromChildren::descriptor(descriptor_);
        if (!lock_both(descriptor_, path)) {
            created_ = false;
            throw base::Failure({base::ErrorCode::kInboxInUse, holder_of(descriptor_, path).text});
        }
        if (!same_file(descriptor_, path)) {
            created_ = false;
            give_up();
            return false;
        }
        if (!name_holder()) {
            not_writable(path, errno);
        }
        struct stat facts {};
        fstat(descriptor_, &facts);
        OwnLocks::of_process().add(facts);
    } catch (...) {
        give_up();
        throw;
    }
    return true;
}

void FileLock::give_up() noexcept {
    if (created_) {
        unlink(path_.c_str());
    }
    close(descriptor_);
}

FileLock::~FileLock() {
    struct stat facts {};
    if (fstat(descriptor_, &facts) == 0) {
        OwnLocks::of_process().remove(facts);
    }
    give_up();
}

}  // namespace incm::inbox::sqlite
