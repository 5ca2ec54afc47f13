#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "incm/base/log.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// By the plugin's number.
using RetryPolicies = std::unordered_map<std::int64_t, RetryPolicy>;

/// Count an attempt for every delivery that is still leased, since the process that took it ended
/// before it settled it, and end all leases. One transaction.
///
/// It is due at once after its first try, and then after the pause of its plugin's policy; those
/// made before a person asked for it again do not count. One that was tried before, and is as old
/// as its policy gives up at, is a dead letter. The time from the last commit on does not make it
/// older: nobody could try it then. Plugins without a policy here have the default one, and no dead
/// letters. How many were interrupted is logged.
/// Units:   now_ms inbox clock, wall_ms wall clock.
/// Errors:  SqlError; nothing is changed then.
void recover_leases(Database& database, const RetryPolicies& policies, std::int64_t now_ms,
                    std::int64_t wall_ms, base::LogSink& log);

/// Errors:  base::Failure kBadConfig: a name is empty, or there twice.
void check_plugin_names(const std::vector<PluginOptions>& plugins);

/// The number of a plugin, a new one for a name that the file does not know. Errors: SqlError.
[[nodiscard]] std::int64_t enrol_plugin(Database& database, const std::string& name);

/// A value of the meta table; 0 or empty when it is missing. Errors: SqlError.
[[nodiscard]] std::int64_t stored_clock_ms(Database& database);
[[nodiscard]] std::string stored_inbox_id(Database& database);
/// Keep the inbox clock, so that it does not run backwards over a restart. Errors: SqlError.
void store_clock(Database& database, std::int64_t now_ms);

}  // namespace incm::inbox::sqlite
