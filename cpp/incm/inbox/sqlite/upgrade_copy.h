#pragma once

#include <cstdint>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Return why a disk has no room for the copy of an inbox; "" when it has, or that is not known.
///
/// The copy needs as much as the inbox, and 64 MiB and an eighth of it are wanted besides, so that
/// the migration has room and alerts are taken after it. What an interrupted copy left, and an
/// earlier copy of the same version, count as free. The sentence stays the same while only the free
/// space changes. version: of the inbox. reserve_bytes: free disk that must be left.
[[nodiscard]] std::string no_room_for_upgrade_copy(const std::string& path, std::int64_t version,
                                                   std::int64_t reserve_bytes);

/// Keep a copy of an inbox before its tables are migrated, so that the program that wrote it can be
/// used again.
///
/// Shape:   the copy is a closed inbox without a log, complete and on disk, with the name
///          upgrade_copy_name(). It replaces an earlier copy of the same version, which is removed
///          first only when there is no room for both. When that one is whole and of the same
///          state, as after an interrupted upgrade, it stays instead. What an interrupted copy left
///          is removed.
/// Errors:  base::Failure kInboxUnavailable; SqlError: the inbox is damaged. There is no new copy
///          then, and the inbox is as it was.
void keep_upgrade_copy(Database& source, const std::string& path, std::int64_t version,
                       std::int64_t reserve_bytes, base::LogSink& log);

}  // namespace incm::inbox::sqlite
