#include "incm/admin/process_metrics.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace incm::admin {

namespace {

/// The values in /proc/self/stat that are used here (proc_pid_stat(5)).
struct Stat {
    std::int64_t ticks = 0;        // fields 14 and 15
    std::int64_t start_ticks = 0;  // field 22, since boot
    std::int64_t virtual_bytes = 0;
    std::int64_t resident_pages = 0;
};

std::optional<Stat> read_stat() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    // The name of the program, field 2, may contain anything; it ends at the last bracket.
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    Stat stat;
    std::string field;
    for (int number = 3; number <= 24 && rest >> field; ++number) {
        if (number == 14 || number == 15) stat.ticks += std::stoll(field);
        if (number == 22) stat.start_ticks = std::stoll(field);
        if (number == 23) stat.virtual_bytes = std::stoll(field);
        if (number == 24) stat.resident_pages = std::stoll(field);
    }
    return stat;
}

std::optional<std::int64_t> boot_time_s() {
    std::ifstream file("/proc/stat");
    for (std::string key; file >> key;) {
        std::int64_t value = 0;
        if (key == "btime" && file >> value) return value;
        std::getline(file, key);
    }
    return std::nullopt;
}

std::optional<std::int64_t> open_descriptors() {
    std::error_code error;
    const std::filesystem::directory_iterator all("/proc/self/fd", error);
    if (error) return std::nullopt;
    return std::distance(begin(all), end(all)) - 1;  // without the one that reads the folder
}

}  // namespace

void write_process_metrics(Exposition& page) {
    if (const auto stat = read_stat()) {
        const std::int64_t per_second = ::sysconf(_SC_CLK_TCK);
        page.family("process_cpu_seconds_total", "counter",
                    "Seconds of processor time that the server used.");
        page.seconds({}, stat->ticks * 1000 / per_second);
        page.one("process_resident_memory_bytes", "gauge", "Memory of the server that is in RAM.",
                 stat->resident_pages * ::sysconf(_SC_PAGESIZE));
        page.one("process_virtual_memory_bytes", "gauge", "Size of the server's address space.",
                 stat->virtual_bytes);
        if (const auto boot = boot_time_s()) {
            page.family("process_start_time_seconds", "gauge",
                        "When the process was started, in Unix time.");
            page.seconds({}, *boot * 1000 + stat->start_ticks * 1000 / per_second);
        }
    }
    if (const auto open = open_descriptors()) {
        page.one("process_open_fds", "gauge", "Open descriptors of the server.", *open);
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        page.family("process_max_fds", "gauge", "Most descriptors that the server may have open.");
        page.sample({}, std::uint64_t{limit.rlim_cur});
    }
}

}  // namespace incm::admin
