#include "incm/inbox/sqlite/file_place.h"

#include <cstdint>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/restore_names.h"

namespace incm::inbox::sqlite {

namespace {

struct Place {
    std::uint64_t mount;  ///< 0 on a kernel before 5.8, which does not report it
    std::uint64_t device;
    std::uint64_t names;

    [[nodiscard]] bool same_mount(const Place& other) const noexcept {
        return mount == other.mount && device == other.device;
    }
};

std::optional<Place> place_of(const std::string& path) {
    struct statx facts {};
    if (statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_MNT_ID, &facts) != 0) {
        return std::nullopt;
    }
    const bool has_mount = (facts.stx_mask & STATX_MNT_ID) != 0;
    return Place{has_mount ? facts.stx_mnt_id : 0,
                 std::uint64_t{facts.stx_dev_major} << 32 | facts.stx_dev_minor, facts.stx_nlink};
}

[[noreturn]] void refuse(const std::string& text) {
    throw base::Failure({base::ErrorCode::kInboxUnusable, text});
}

}  // namespace

void check_place(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const std::optional<Place> around = place_of(folder);
    for (const char* suffix : {"", "-wal", "-shm"}) {
        const std::string name = path + suffix;
        const std::optional<Place> place = place_of(name);
        if (!place || !around) {
            continue;
        }
        if (!place->same_mount(*around)) {
            std::string text = name + " is mounted by itself, apart from its folder ";
            text += folder;
            text +=
                ": the log beside the inbox would be lost with the container. Mount the folder "
                "that holds the inbox, not the file";
            refuse(text);
        }
        if (!std::filesystem::is_regular_file(name)) {
            refuse(name + " is not a file: move it away");
        }
        if (place->names > 1 + names_left_by_restore(path, suffix)) {
            std::string text = "the inbox file " + name + " has ";
            text += std::to_string(place->names);
            text +=
                " names (hard links): another process could open it under the other one, with "
                "another log. Remove the other name, or make a copy (cp) and use that";
            refuse(text);
        }
    }
}

std::int64_t file_id(const std::string& path) {
    struct statx facts {};
    if (statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &facts) != 0) {
        return 0;
    }
    // The time is 0 if the file system does not record when a file was created.
    const auto born = static_cast<std::uint64_t>(facts.stx_btime.tv_sec) * 1'000'000'000U +
                      facts.stx_btime.tv_nsec;
    return static_cast<std::int64_t>(facts.stx_ino ^ (born << 1 | 1U));
}

}  // namespace incm::inbox::sqlite
