#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// "INCM", in the header of every inbox file (offset 68, big endian).
inline constexpr std::uint32_t kApplicationId = 0x494E434D;

/// The version of the tables that this program writes (offset 60, big endian).
[[nodiscard]] std::int64_t schema_version() noexcept;

/// Says that the inbox with this path is of a later version than ours.
[[nodiscard]] base::Failure newer_inbox(const std::string& path, std::int64_t version);

/// Bring the tables from the version that the database says to ours, in one transaction.
///
/// Shape:   version 0 means no tables: the way in which a new inbox is made, too.
/// Errors:  SqlError; newer_inbox(). Nothing is changed then.
void migrate(Database& database, const std::string& path);

}  // namespace incm::inbox::sqlite
