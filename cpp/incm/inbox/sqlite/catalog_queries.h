#pragma once

#include "incm/inbox/catalog.h"
#include "incm/inbox/sqlite/database.h"

namespace incm::inbox::sqlite {

/// The queries of the Catalog. Each runs within the snapshot that the caller has begun.
///
/// Units:   now_ms: by the inbox clock.
/// Errors:  SqlError.
/// Threads: those of the database.
[[nodiscard]] AlertPage list_alerts(Database& database, const AlertQuery& query);
[[nodiscard]] std::optional<AlertHistory> history_of(Database& database, std::int64_t alert_id,
                                                     std::int64_t now_ms);
[[nodiscard]] UndeliveredPage list_undelivered(Database& database, const UndeliveredQuery& query);
[[nodiscard]] std::vector<PluginTotals> count_deliveries(Database& database, std::int64_t now_ms);
[[nodiscard]] std::vector<std::string> plugin_names(Database& database);
[[nodiscard]] bool has_open_delivery(Database& database, const std::string& plugin,
                                     std::int64_t alert_id);
[[nodiscard]] StatePage list_state(Database& database, const StateQuery& query);
[[nodiscard]] std::vector<StateTotals> count_state(Database& database);
[[nodiscard]] RejectedPage list_rejected(Database& database, const RejectedQuery& query);
[[nodiscard]] std::optional<StoredRejected> find_rejected(Database& database, std::int64_t id);

/// The columns of StoredAlert without the text. read_alert() expects a row to begin with them, in
/// this order.
inline constexpr const char* kAlertColumns = "id, received_at_ms, endpoint, form, type, device";
[[nodiscard]] StoredAlert read_alert(const Rows& rows);

}  // namespace incm::inbox::sqlite
