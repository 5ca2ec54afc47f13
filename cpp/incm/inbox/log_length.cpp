#include "incm/inbox/log_length.h"

#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace incm::inbox {

namespace {

/// Another process with a lock on a file, as /proc/locks tells it; empty: none is seen.
std::string holder_of(const std::string& path) {
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) {
        return "";
    }
    std::string inode = ":";  // in two steps, or GCC 12 sees an overlap that is none at -O3
    inode += std::to_string(facts.st_ino);
    std::ifstream locks("/proc/locks");
    // 1: POSIX  ADVISORY  READ 4242 08:02:131090 123 123
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, mode, access, process, file;
        words >> number >> kind >> mode >> access >> process >> file;
        if (file.ends_with(inode) && process != std::to_string(getpid())) {
            std::string name;
            std::getline(std::ifstream("/proc/" + process + "/comm") >> std::ws, name);
            return "process " + process + (name.empty() ? "" : " (" + name + ")");
        }
    }
    return "";
}

}  // namespace

void LogLength::look(base::LogSink& log) noexcept {
    struct stat facts {};
    const std::int64_t bytes = stat(log_path_.c_str(), &facts) == 0 ? facts.st_size : 0;
    bytes_.store(bytes, std::memory_order_relaxed);
    if (bytes <= kLong) {
        next_warning_ = kLong;
        return;
    }
    if (bytes <= next_warning_) {
        return;
    }
    next_warning_ = 2 * bytes;
    warnings_.fetch_add(1, std::memory_order_relaxed);
    const std::string holder = holder_of(index_path_);
    log.write(base::LogLevel::kWarning,
              "the log of the inbox has grown to " + std::to_string(bytes / (1024 * 1024)) +
                  " MiB, because " + (holder.empty() ? "a backup or another program" : holder) +
                  " reads the inbox and does not end: end it, or the log fills the disk");
}

}  // namespace incm::inbox
