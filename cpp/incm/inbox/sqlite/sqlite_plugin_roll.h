#pragma once

#include <string>
#include <vector>

#include "incm/inbox/delivery_queues.h"
#include "incm/inbox/plugin_roll.h"
#include "incm/inbox/sqlite/database.h"
#include "incm/inbox/sqlite/recovery.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

/// Add the queues of the plugins of an inbox that is being opened, in one transaction, and return
/// their policies. Errors: SqlError.
[[nodiscard]] RetryPolicies enrol_all(Database& database, const std::vector<PluginOptions>& plugins,
                                      DeliveryQueues& queues, FetchedBytes& all);

/// Implements PluginRoll with the writer of an open inbox.
class SqlitePluginRoll final : public PluginRoll {
 public:
    /// The references must outlive this object.
    SqlitePluginRoll(DeliveryQueues& queues, FetchedBytes& all, Writer& writer)
        : queues_(queues), all_(all), writer_(writer) {}

    [[nodiscard]] base::Status add(const std::vector<PluginOptions>& plugins) override;
    void keep(const std::vector<std::string>& names) override { queues_.keep(names); }
    void hurry(const std::string& plugin) override;
    [[nodiscard]] base::Status resume(const std::string& plugin, bool by_device) override;

 private:
    DeliveryQueues& queues_;
    FetchedBytes& all_;
    Writer& writer_;
};

}  // namespace incm::inbox::sqlite
