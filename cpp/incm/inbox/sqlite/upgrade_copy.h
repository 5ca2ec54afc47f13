#pragma once

#include <cstdint>
#include <string>

#include "incm/base/log.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Return why a disk has no room for the copy of an inbox; "" when it has, or that is not known.
///
/// version: of the inbox. reserve_bytes: free disk that must be left after the copy.
[[nodiscard]] std::string no_room_for_upgrade_copy(const std::string& path, std::int64_t version,
                                                   std::int64_t reserve_bytes);

/// Keep a copy of an inbox before its tables are migrated, so that the program that wrote it can be
/// used again.
///
/// Shape:   the copy is a closed inbox without a log, complete and on disk, with the name
///          upgrade_copy_name(). It replaces an earlier copy of the same version; no copy is ever
///          removed otherwise.
/// Errors:  base::Failure kInboxUnavailable, SqlError: there is no copy, and the inbox is as it
/// was.
void keep_upgrade_copy(Database& source, const std::string& path, std::int64_t version,
                       std::int64_t reserve_bytes, base::LogSink& log);

}  // namespace incm::inbox::sqlite
