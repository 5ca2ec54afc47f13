#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace incm::inbox::sqlite {

/// A copy of an inbox that was kept before an upgrade.
struct UpgradeCopy {
    std::string path;
    std::int64_t version = 0;
    std::string day;  ///< on which it was written, in UTC: `2026-12-01`
};

/// Return the path of the copy that is kept before an inbox of a version is upgraded: `PATH.v8`.
[[nodiscard]] std::string upgrade_copy_name(const std::string& path, std::int64_t version);

/// Return the copy beside an inbox with the latest version up to this one; none when there is none.
/// An empty file is no copy.
[[nodiscard]] std::optional<UpgradeCopy> find_upgrade_copy(const std::string& path,
                                                           std::int64_t version);

/// Return the command that goes back to a copy, to be pasted into a shell.
[[nodiscard]] std::string restore_command(const std::string& copy, const std::string& path);

}  // namespace incm::inbox::sqlite
