#include "incm/inbox/sqlite/own_locks.h"

#include <unistd.h>

namespace incm::inbox::sqlite {

namespace {

std::tuple<pid_t, dev_t, ino_t> key_of(const struct stat& file) {
    return {getpid(), file.st_dev, file.st_ino};
}

}  // namespace

OwnLocks& OwnLocks::of_process() {
    static OwnLocks only;
    return only;
}

void OwnLocks::add(const struct stat& file) {
    const std::lock_guard lock(mutex_);
    files_.insert(key_of(file));
}

void OwnLocks::remove(const struct stat& file) noexcept {
    const std::lock_guard lock(mutex_);
    files_.erase(key_of(file));
}

bool OwnLocks::has(const std::string& path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    return files_.contains(key_of(file));
}

}  // namespace incm::inbox::sqlite
