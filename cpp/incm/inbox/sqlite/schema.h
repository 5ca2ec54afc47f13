#pragma once

#include <cstdint>
#include <string>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// "INCM", in the header of every inbox file (offset 68, big endian).
inline constexpr std::uint32_t kApplicationId = 0x494E434D;

/// Return the version of the tables that this program writes (offset 60, big endian).
[[nodiscard]] std::int64_t schema_version() noexcept;

/// Return the version of the SQLite library that is loaded.
[[nodiscard]] const char* library_version() noexcept;

/// Return the sentence about an inbox whose version is later than that of this program: what to
/// use, and with which copy one can go back, if there is one.
[[nodiscard]] std::string newer_inbox_text(const std::string& path, std::int64_t version);

/// Return the failure with that sentence.
[[nodiscard]] base::Failure newer_inbox(const std::string& path, std::int64_t version);

/// Migrate the tables from the version of the database to the current one, in one transaction.
///
/// Shape:   version 0 means no tables, so this also creates a new inbox.
/// Errors:  SqlError; newer_inbox(). Nothing is changed then.
void migrate(Database& database, const std::string& path);

}  // namespace incm::inbox::sqlite
