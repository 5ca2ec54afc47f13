#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "incm/inbox/catalog.h"

namespace incm::inbox {
class InboxClock;
}

namespace incm::inbox::sqlite {

class Database;

/// Queries the file of the inbox on a read-only connection of its own.
///
/// Threads: any.
class SqliteCatalog final : public Catalog {
 public:
    /// Opens its connection with the first query. The clock must outlive the catalog.
    SqliteCatalog(std::string path, const InboxClock& clock);
    /// Uses this connection.
    SqliteCatalog(std::string path, const InboxClock& clock, std::unique_ptr<Database> database);
    SqliteCatalog(const SqliteCatalog&) = delete;
    SqliteCatalog& operator=(const SqliteCatalog&) = delete;
    ~SqliteCatalog() override;

    [[nodiscard]] base::Result<AlertPage> alerts(const AlertQuery& query) override;
    [[nodiscard]] base::Result<std::optional<AlertHistory>> alert(std::int64_t id) override;
    [[nodiscard]] base::Result<UndeliveredPage> undelivered(const UndeliveredQuery& query) override;
    [[nodiscard]] base::Result<Statistics> statistics() override;
    [[nodiscard]] base::Result<Counts> counts() override;
    [[nodiscard]] base::Result<std::vector<std::string>> plugins() override;
    [[nodiscard]] base::Result<bool> is_open(const std::string& plugin,
                                             std::int64_t alert_id) override;
    [[nodiscard]] base::Result<std::vector<StateTotals>> states() override;
    [[nodiscard]] base::Result<StatePage> state(const StateQuery& query) override;
    [[nodiscard]] base::Result<RejectedPage> quarantine(const RejectedQuery& query) override;
    [[nodiscard]] base::Result<std::optional<StoredRejected>> rejected(std::int64_t id) override;

    /// Close the connection; every later query fails with kClosed.
    void close();

 private:
    template <typename Answer>
    [[nodiscard]] auto ask(const Answer& answer) -> base::Result<decltype(answer())>;

    const std::string path_;
    const InboxClock& clock_;
    std::mutex asking_;
    std::unique_ptr<Database> database_;  ///< guarded by asking_, as is closed_
    bool closed_ = false;
};

}  // namespace incm::inbox::sqlite
