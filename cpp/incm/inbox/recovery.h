#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "incm/inbox/records.h"
#include "incm/inbox/sqlite.h"

namespace incm::inbox {

/// Count an attempt for every delivery that is still leased, since the process that took it ended
/// before it settled it; make it due, at once after its first attempt and later after a pause that
/// doubles up to ten minutes; end all leases. One transaction.
///
/// Units:   now_ms inbox clock, wall_ms wall clock.
/// Shape:   returns how many deliveries were interrupted.
/// Errors:  SqlError; nothing is changed then.
std::int64_t recover_leases(Database& database, std::int64_t now_ms, std::int64_t wall_ms);

/// Errors:  base::Failure kBadConfig: a name is empty, or there twice.
void check_plugin_names(const std::vector<PluginOptions>& plugins);

/// The number of a plugin, a new one for a name that the file does not know. Errors: SqlError.
[[nodiscard]] std::int64_t enrol_plugin(Database& database, const std::string& name);

/// A value of the meta table; 0 or empty when it is missing. Errors: SqlError.
[[nodiscard]] std::int64_t stored_clock_ms(Database& database);
[[nodiscard]] std::string stored_inbox_id(Database& database);
/// Keep the inbox clock, so that it does not run backwards over a restart. Errors: SqlError.
void store_clock(Database& database, std::int64_t now_ms);

}  // namespace incm::inbox
