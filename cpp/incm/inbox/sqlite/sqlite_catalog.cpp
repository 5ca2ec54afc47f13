#include "incm/inbox/sqlite/sqlite_catalog.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "incm/inbox/errors.h"
#include "incm/inbox/inbox_clock.h"
#include "incm/inbox/sqlite/catalog_queries.h"
#include "incm/inbox/sqlite/database_file.h"

namespace incm::inbox::sqlite {

namespace {

std::int64_t size_of(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<std::int64_t>(size);
}

std::int64_t free_beside(const std::string& path) {
    std::error_code error;
    const auto space = std::filesystem::space(path, error);
    return error ? 0 : static_cast<std::int64_t>(space.available);
}

std::optional<std::int64_t> first_integer(Database& database, const char* sql) {
    Statement statement(database, sql);
    Rows rows = statement.query();
    return rows.next() ? std::optional(rows.integer(0)) : std::nullopt;
}

}  // namespace

SqliteCatalog::SqliteCatalog(std::string path, const InboxClock& clock)
    : path_(std::move(path)), clock_(clock) {}

SqliteCatalog::SqliteCatalog(std::string path, const InboxClock& clock,
                             std::unique_ptr<Database> database)
    : path_(std::move(path)), clock_(clock), database_(std::move(database)) {}

SqliteCatalog::~SqliteCatalog() = default;

void SqliteCatalog::close() {
    const std::lock_guard lock(asking_);
    closed_ = true;
    database_.reset();
}

template <typename Answer>
auto SqliteCatalog::ask(const Answer& answer) -> base::Result<decltype(answer())> {
    const std::lock_guard lock(asking_);
    if (closed_) {
        return closed_error();
    }
    try {
        if (!database_) {
            database_ = open_reader(path_);
        }
        const Transaction snapshot(*database_, false);
        return answer();
    } catch (const SqlError& error) {
        return unreadable_error(error);
    }
}

base::Result<AlertPage> SqliteCatalog::alerts(const AlertQuery& query) {
    return ask([&] { return list_alerts(*database_, query); });
}

base::Result<std::optional<AlertHistory>> SqliteCatalog::alert(std::int64_t id) {
    return ask([&] { return history_of(*database_, id, clock_.now_ms()); });
}

base::Result<UndeliveredPage> SqliteCatalog::undelivered(const UndeliveredQuery& query) {
    return ask([&] { return list_undelivered(*database_, query); });
}

base::Result<Statistics> SqliteCatalog::statistics() {
    return ask([&] {
        Statistics all;
        all.last_alert_id =
            database_->integer_of("SELECT value FROM meta WHERE key = 'last_alert_id'");
        all.first_received_at_ms =
            first_integer(*database_, "SELECT received_at_ms FROM alert ORDER BY id LIMIT 1");
        all.last_received_at_ms =
            first_integer(*database_, "SELECT received_at_ms FROM alert ORDER BY id DESC LIMIT 1");
        all.plugins = count_deliveries(*database_, clock_.now_ms());
        all.path = path_;
        all.file_bytes = size_of(path_);
        all.log_bytes = size_of(path_ + "-wal");
        all.free_bytes = free_beside(path_);
        return all;
    });
}

base::Result<Counts> SqliteCatalog::counts() {
    return ask([&] {
        Counts counts{};
        counts.alerts = database_->integer_of("SELECT value FROM meta WHERE key = 'alerts'");
        counts.open = database_->integer_of("SELECT count(*) FROM delivery WHERE dead = 0");
        counts.dead = database_->integer_of("SELECT count(*) FROM delivery WHERE dead = 1");
        for (std::size_t kind = 0; kind < kQuarantineKinds.size(); ++kind) {
            counts.quarantined.by_kind[kind] =
                database_->integer_of("SELECT count(*) FROM quarantine WHERE kind = '" +
                                      std::string(kQuarantineKinds[kind]) + "'");
        }
        return counts;
    });
}

base::Result<std::vector<std::string>> SqliteCatalog::plugins() {
    return ask([&] { return plugin_names(*database_); });
}

base::Result<bool> SqliteCatalog::is_open(const std::string& plugin, std::int64_t alert_id) {
    return ask([&] { return has_open_delivery(*database_, plugin, alert_id); });
}

base::Result<std::vector<StateTotals>> SqliteCatalog::states() {
    return ask([&] { return count_state(*database_); });
}

base::Result<StatePage> SqliteCatalog::state(const StateQuery& query) {
    return ask([&] { return list_state(*database_, query); });
}

base::Result<RejectedPage> SqliteCatalog::quarantine(const RejectedQuery& query) {
    return ask([&] { return list_rejected(*database_, query); });
}

base::Result<std::optional<StoredRejected>> SqliteCatalog::rejected(std::int64_t id) {
    return ask([&] { return find_rejected(*database_, id); });
}

}  // namespace incm::inbox::sqlite
