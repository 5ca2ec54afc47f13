#include "incm/inbox/sqlite/restore_names.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <unistd.h>

namespace incm::inbox::sqlite {

namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

}  // namespace

std::vector<std::string> names_aside(const std::string& path) {
    std::vector<std::string> names{path + ".before-restore"};
    for (int number = 2; exists(names.back()) || exists(names.back() + "-wal"); ++number) {
        names.push_back(path + ".before-restore-" + std::to_string(number));
    }
    return names;
}

bool is_same_file(const std::string& one, const std::string& other) {
    std::error_code error;
    return fs::equivalent(one, other, error) && !error;
}

std::size_t names_left_by_restore(const std::string& path, const std::string& suffix) {
    const std::vector<std::string> names = names_aside(path);
    return static_cast<std::size_t>(std::ranges::count_if(names, [&](const std::string& name) {
        return is_same_file(name + suffix, path + suffix);
    }));
}

}  // namespace incm::inbox::sqlite
