#include "incm/inbox/sqlite/lock_holder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incm/base/bytes.h"
#include "incm/base/result.h"
#include "incm/inbox/sqlite/own_locks.h"

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

pid_t number_in(const std::string& text) {
    pid_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// Return the process that the file names; 0: none.
pid_t named_in(int descriptor) {
    std::array<char, 16> text{};
    const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
    return size > 0 ? number_in(std::string(text.data(), static_cast<std::size_t>(size))) : 0;
}

/// Return the process with the fcntl(2) lock; 0 when it has no number in this container; empty:
/// there is none.
std::optional<pid_t> known_to_kernel(int descriptor) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(descriptor, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        return std::nullopt;
    }
    return std::max<pid_t>(lock.l_pid, 0);
}

bool has_open(const fs::path& process, const struct stat& file) {
    std::error_code error;
    for (fs::directory_iterator one(process / "fd", error), end; !error && one != end;
         one.increment(error)) {
        struct stat facts {};
        if (stat(one->path().c_str(), &facts) == 0 && facts.st_ino == file.st_ino &&
            facts.st_dev == file.st_dev) {
            return true;
        }
    }
    return false;
}

/// Return the processes that have the file open, as far as this user may see them.
std::vector<pid_t> who_has_open(int descriptor) {
    std::vector<pid_t> found;
    struct stat file {};
    if (fstat(descriptor, &file) != 0) {
        return found;
    }
    std::error_code error;
    for (fs::directory_iterator one("/proc", error), end; !error && one != end;
         one.increment(error)) {
        const pid_t pid = number_in(one->path().filename().string());
        if (pid > 0 && pid != getpid() && has_open(one->path(), file)) {
            found.push_back(pid);
        }
    }
    return found;
}

std::string command_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return base::printable(name);
}

bool is_gone(pid_t pid) {
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

std::string in_use(const std::string& who, const std::string& path) {
    return "another process has the inbox open (process " + who + ", lock file " + path +
           "): stop it first";
}

}  // namespace

LockHolder holder_of(int descriptor, const std::string& path) {
    if (const pid_t pid = known_to_kernel(descriptor).value_or(0); pid > 0) {
        return {pid, in_use(std::to_string(pid), path)};
    }
    const pid_t named = named_in(descriptor);
    const std::string name = named > 0 ? std::to_string(named) : "unknown";
    const std::vector<pid_t> holders = who_has_open(descriptor);
    if (std::ranges::find(holders, named) != holders.end()) {
        return {named, in_use(name, path)};
    }
    if (!holders.empty()) {
        const std::string holder = std::to_string(holders.front());
        const std::string left = is_gone(named) ? "; process " + name +
                                                      ", which opened it, has ended and left this "
                                                      "one behind"
                                                : "";
        return {holders.front(), "process " + holder + " (" + command_of(holders.front()) +
                                     ") has the inbox open (lock file " + path + ")" + left +
                                     ": end process " + holder + " first"};
    }
    if (is_gone(named)) {
        return {0, "another process has the inbox open (lock file " + path + "). Process " + name +
                       ", which the file names, has ended: look for the other one in other " +
                       "containers, on other machines and among other users' processes"};
    }
    return {named, in_use(name, path)};
}

std::optional<LockHolder> find_holder(const std::string& path) {
    if (OwnLocks::of_process().has(path)) {
        return LockHolder{getpid(), in_use(std::to_string(getpid()), path)};
    }
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        throw base::Failure({base::ErrorCode::kInboxUnusable,
                             "cannot read the lock file " + path + ": " + std::strerror(errno)});
    }
    std::optional<LockHolder> holder;
    if (known_to_kernel(descriptor) ||
        (flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)) {
        holder = holder_of(descriptor, path);
    }
    close(descriptor);
    return holder;
}

}  // namespace incm::inbox::sqlite
