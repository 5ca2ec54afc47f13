#pragma once

#include <cstdint>

#include "incm/inbox/sqlite.h"

namespace incm::inbox {

/// "INCM", in the header of every inbox file (offset 68, big endian).
inline constexpr std::uint32_t kApplicationId = 0x494E434D;

/// The version of the tables that this program writes (offset 60, big endian).
[[nodiscard]] std::int64_t schema_version() noexcept;

/// Bring the tables from the version that the database says to ours, in one transaction.
///
/// Shape:   version 0 means no tables: the way in which a new inbox is made, too.
/// Errors:  SqlError; base::Failure kInboxNewer. Nothing is changed then.
void migrate(Database& database);

}  // namespace incm::inbox
