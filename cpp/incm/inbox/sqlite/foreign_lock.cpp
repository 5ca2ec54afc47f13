#include "incm/inbox/sqlite/foreign_lock.h"

#include <cstdint>
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

namespace incm::inbox::sqlite {

namespace {

/// SQLite's "WAL-mode file format", section 2.3: the byte that a writer locks.
constexpr std::int64_t kWriteLock = 120;

std::string holder_of(const std::string& path, bool writes) {
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) {
        return "";
    }
    // In two steps: at -O3 GCC 12 warns of an overlap that does not exist.
    std::string inode = ":";
    inode += std::to_string(facts.st_ino);
    std::ifstream locks("/proc/locks");
    // 1: POSIX  ADVISORY  READ 4242 08:02:131090 123 123
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, mode, access, process, file;
        std::int64_t first = -1;
        std::int64_t last = -1;
        words >> number >> kind >> mode >> access >> process >> file >> first >> last;
        const bool fits =
            !writes || (access == "WRITE" && first <= kWriteLock && kWriteLock <= last);
        if (fits && file.ends_with(inode) && process != std::to_string(getpid())) {
            std::string name;
            std::getline(std::ifstream("/proc/" + process + "/comm") >> std::ws, name);
            return "process " + process + (name.empty() ? "" : " (" + name + ")");
        }
    }
    return "";
}

}  // namespace

std::string foreign_reader(const std::string& index) {
    return holder_of(index, false);
}

std::string foreign_writer(const std::string& index) {
    return holder_of(index, true);
}

}  // namespace incm::inbox::sqlite
