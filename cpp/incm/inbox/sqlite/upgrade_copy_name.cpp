#include "incm/inbox/sqlite/upgrade_copy_name.h"

#include <unistd.h>

namespace incm::inbox::sqlite {

std::string upgrade_copy_name(const std::string& path, std::int64_t version) {
    return path + ".v" + std::to_string(version);
}

std::string find_upgrade_copy(const std::string& path, std::int64_t version) {
    for (std::int64_t one = version; one > 0; --one) {
        std::string name = upgrade_copy_name(path, one);
        if (access(name.c_str(), F_OK) == 0) {
            return name;
        }
    }
    return {};
}

}  // namespace incm::inbox::sqlite
