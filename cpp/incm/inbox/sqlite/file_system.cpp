#include "incm/inbox/sqlite/file_system.h"

#include <array>
#include <cstdint>

#include <sys/vfs.h>

namespace incm::inbox::sqlite {

namespace {

struct Kind {
    std::uint32_t type;  ///< statfs(2): f_type
    const char* name;
};

constexpr std::array kNetworks = {
    Kind{0x6969, "NFS"},      Kind{0x517B, "SMB"},        Kind{0xFF534D42, "CIFS"},
    Kind{0xFE534D42, "SMB"},  Kind{0x00C36400, "CephFS"}, Kind{0x5346414F, "AFS"},
    Kind{0x6B414653, "AFS"},  Kind{0x0BD00BD0, "Lustre"}, Kind{0x47504653, "GPFS"},
    Kind{0x73757245, "Coda"}, Kind{0x01161970, "GFS2"},   Kind{0x7461636F, "OCFS2"},
    Kind{0x01021997, "9P"},   Kind{0x786F4256, "vboxsf"}, Kind{0x564C, "NCP"},
};

}  // namespace

std::string network_file_system(const std::string& path) {
    struct statfs facts {};
    if (statfs(path.c_str(), &facts) != 0) {
        return {};
    }
    for (const Kind& one : kNetworks) {
        if (one.type == static_cast<std::uint32_t>(facts.f_type)) {
            return one.name;
        }
    }
    return {};
}

std::string local_disk_advice(const std::string& path) {
    const std::string network = network_file_system(path);
    if (!network.empty()) {
        return ": it is on " + network + ", and an inbox needs a local disk";
    }
    return ": an inbox needs a local disk whose file system supports locks and shared memory";
}

}  // namespace incm::inbox::sqlite
