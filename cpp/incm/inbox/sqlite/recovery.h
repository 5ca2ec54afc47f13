#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "incm/base/log.h"
#include "incm/inbox/records.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// Keyed by the number of the plugin.
using RetryPolicies = std::unordered_map<std::int64_t, RetryPolicy>;

/// Count an attempt for every delivery that is still leased, because the process that fetched it
/// ended before settling it. Then end all leases. Runs in one transaction. interrupted.h decides
/// what becomes of each delivery.
///
/// After its first try a delivery is due at once, after later tries it waits for the pause of its
/// plugin's policy. Tries before an operator's retry do not count. A delivery with an earlier try
/// whose age has reached `give_up` of the policy is expired: it is due at once with `tries` below
/// 1, so that its plugin learns of it before it is settled as a dead letter; its attempt counts
/// then. The time since the last commit and the outages of its plugin do not add to its age. A
/// plugin without a policy here gets the default policy, and no delivery of it expires. The number
/// of interrupted deliveries is logged, and their dead letters are counted.
/// Units:   now_ms inbox clock, wall_ms wall clock. activity: null: nothing is counted.
/// Errors:  SqlError; nothing is changed then.
void recover_leases(Database& database, const RetryPolicies& policies, std::int64_t now_ms,
                    std::int64_t wall_ms, base::LogSink& log, Activity* activity);

/// Errors:  base::Failure kBadConfig: a name is empty or occurs twice.
void check_plugin_names(const std::vector<PluginOptions>& plugins);

/// Return the number of a plugin; a name that is not in the file gets a new one. Errors: SqlError.
[[nodiscard]] std::int64_t enrol_plugin(Database& database, const std::string& name);

/// Read a value of the meta table; 0 or empty when it is missing. Errors: SqlError.
[[nodiscard]] std::int64_t stored_clock_ms(Database& database);
[[nodiscard]] std::string stored_inbox_id(Database& database);
/// Store the inbox clock, so that it does not run backwards after a restart. Errors: SqlError.
void store_clock(Database& database, std::int64_t now_ms);

}  // namespace incm::inbox::sqlite
