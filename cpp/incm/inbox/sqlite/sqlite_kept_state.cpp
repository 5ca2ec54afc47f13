#include "incm/inbox/sqlite/sqlite_kept_state.h"

#include <map>
#include <string_view>
#include <utility>

#include "incm/base/bytes.h"
#include "incm/inbox/errors.h"
#include "incm/inbox/sqlite/catalog_queries.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/operation.h"
#include "incm/inbox/sqlite/tables.h"
#include "incm/inbox/sqlite/writer.h"

namespace incm::inbox::sqlite {

namespace {

class WriteState final : public Operation {
 public:
    explicit WriteState(std::shared_ptr<PendingWrite> write) : write_(std::move(write)) {}
    void execute(Tables& tables) override { there_ = tables.write_state(*write_); }
    void committed() noexcept override { write_->committed(); }
    [[nodiscard]] std::int64_t there() const noexcept { return there_; }

 private:
    const std::shared_ptr<PendingWrite> write_;
    std::int64_t there_ = 0;
};

}  // namespace

struct SqliteKeptState::Reading {
    explicit Reading(const std::string& path)
        : database(open_reader(path)),
          get(*database,
              "SELECT value FROM plugin_state WHERE key = ?2"
              " AND plugin_id = (SELECT id FROM plugin WHERE name = ?1)"),
          count(*database,
                "SELECT count(*) FROM plugin_state"
                " WHERE plugin_id = (SELECT id FROM plugin WHERE name = ?1)"),
          knows(*database, "SELECT 1 FROM plugin WHERE name = ?1") {}

    [[nodiscard]] std::optional<std::string> value(std::string_view plugin, std::string_view key) {
        Rows rows = get.query(plugin, key);
        return rows.next() ? std::optional(std::string(rows.bytes(0))) : std::nullopt;
    }

    std::unique_ptr<Database> database;
    Statement get, count, knows;
};

SqliteKeptState::SqliteKeptState(std::string path, Writer& writer, PendingState& pending)
    : path_(std::move(path)), writer_(writer), pending_(pending) {}

SqliteKeptState::~SqliteKeptState() = default;

void SqliteKeptState::close() {
    const std::lock_guard lock(asking_);
    closed_ = true;
    reading_.reset();
}

template <typename Answer>
auto SqliteKeptState::ask(const Answer& answer)
    -> base::Result<decltype(answer(std::declval<Reading&>()))> {
    const std::lock_guard lock(asking_);
    if (closed_) {
        return closed_error();
    }
    try {
        if (!reading_) {
            reading_ = std::make_unique<Reading>(path_);
        }
        return answer(*reading_);
    } catch (const SqlError& error) {
        return unreadable_error(error);
    }
}

// The pending changes are read before the file: one that is committed in between is in both, and
// none is in neither.

base::Result<std::optional<std::string>> SqliteKeptState::get(const std::string& plugin,
                                                              const std::string& key) {
    if (std::optional<StateChange> change = pending_.find(plugin, key)) {
        return std::move(change->value);
    }
    return ask([&](Reading& reading) { return reading.value(plugin, key); });
}

base::Result<StatePage> SqliteKeptState::page(const StateQuery& query) {
    std::vector<StateChange> changes = pending_.find_all(query);
    base::Result<StatePage> read =
        ask([&](Reading& reading) { return list_state(*reading.database, query); });
    if (!read.ok() || changes.empty()) {
        return read;
    }
    StatePage page = std::move(read).value();
    std::map<std::string, std::string> merged;
    for (StateEntry& entry : page.entries) {
        merged[std::move(entry.key)] = std::move(entry.value);
    }
    for (StateChange& change : changes) {
        if (page.next && change.key > *page.next) {
            break;  // it belongs to a later page
        }
        if (change.value) {
            merged[std::move(change.key)] = std::move(*change.value);
        } else {
            merged.erase(change.key);
        }
    }
    page.entries.clear();
    for (auto& [key, value] : merged) {
        page.entries.push_back({key, std::move(value)});
    }
    return page;
}

base::Result<std::int64_t> SqliteKeptState::count(const std::string& plugin) {
    const std::vector<StateChange> changes = pending_.find_all({.plugin = plugin});
    return ask([&](Reading& reading) {
        const Transaction snapshot(*reading.database, false);
        std::int64_t keys = 0;
        {
            Rows rows = reading.count.query(std::string_view(plugin));
            keys = rows.next() ? rows.integer(0) : 0;
        }
        for (const StateChange& change : changes) {
            keys += (change.value ? 1 : 0) - (reading.value(plugin, change.key) ? 1 : 0);
        }
        return keys;
    });
}

base::Result<std::int64_t> SqliteKeptState::write(const std::string& plugin,
                                                  std::vector<StateChange> changes) {
    const auto known =
        ask([&](Reading& reading) { return reading.knows.query(std::string_view(plugin)).next(); });
    if (!known.ok()) {
        return known.error();
    }
    if (!known.value()) {
        return base::Error{base::ErrorCode::kBadConfig, "no plugin " + base::printable(plugin)};
    }
    WriteState operation(pending_.add(plugin, std::move(changes)));
    const base::Status done = writer_.run(operation);
    if (!done) {
        return done.error();
    }
    return operation.there();
}

}  // namespace incm::inbox::sqlite
