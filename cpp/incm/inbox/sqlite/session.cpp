#include "incm/inbox/sqlite/session.h"

#include <cstdint>
#include <string_view>

#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/recovery.h"

namespace incm::inbox::sqlite {

namespace {

constexpr const char* kRandomId = "SELECT lower(hex(randomblob(8)))";

std::string value_of(Database& database, const std::string& key) {
    return database.text_of("SELECT value FROM meta WHERE key = '" + key + "'");
}

void set_folded(Database& database) {
    database.execute(
        "UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'clock_ms')"
        " WHERE key = 'folded_ms'");
}

}  // namespace

void mark_closed(Database& database) {
    Transaction transaction(database, true);
    database.execute("UPDATE meta SET value = 0 WHERE key = 'file_id'");
    transaction.commit();
}

void begin_session(Database& database, const std::string& path) {
    database.keep_log_on_close(true);
    {
        Transaction transaction(database, true);
        const std::string id = database.text_of(kRandomId);
        const std::string before = value_of(database, "session");
        Statement set(database, "UPDATE meta SET value = ?2 WHERE key = ?1");
        set.run(std::string_view("session"), std::string_view(id));
        set.run(std::string_view("session_before"),
                std::string_view(before.empty() ? kNoSession : before));
        set.run(std::string_view("file_id"), file_id(path));
        set.run(std::string_view("layout"), database.integer_of("PRAGMA schema_version"));
        Statement incarnation(database,
                              "INSERT OR REPLACE INTO incarnation VALUES"
                              " ((SELECT value FROM meta WHERE key = 'last_alert_id') + 1, ?1)");
        incarnation.run(std::string_view(id));
        // No key is requested from an incarnation whose alerts are all pruned.
        database.execute(
            "DELETE FROM incarnation AS old WHERE"
            " (SELECT min(first_alert_id) FROM incarnation WHERE first_alert_id >"
            "   old.first_alert_id) <= ifnull((SELECT min(id) FROM alert), 9223372036854775807)");
        transaction.commit();
    }
    database.checkpoint(false);
    if (database.wal_pages() != 0) {
        return;  // Another program reads: until the next open the file may be of either one.
    }
    Transaction transaction(database, true);
    database.execute("UPDATE meta SET value = '' WHERE key = 'session_before'");
    set_folded(database);
    transaction.commit();
}

void end_session(Database& database, FileWatch& watch, std::int64_t now_ms) {
    {
        Transaction transaction(database, true);
        store_clock(database, now_ms);
        database.execute("UPDATE meta SET value = 0 WHERE key = 'file_id'");
        transaction.commit();
    }
    database.checkpoint(true);
    watch.look();
    if (!watch.lost()) {
        // SQLite removes the log by its name, which may belong to another file when ours is lost.
        database.keep_log_on_close(false);
    }
}

void make_separate(Database& database, std::int64_t last_alert_id) {
    Transaction transaction(database, true);
    const std::string id = database.text_of(kRandomId);
    Statement set(database, "UPDATE meta SET value = ?2 WHERE key = ?1");
    set.run(std::string_view("session"), std::string_view(id));
    set.run(std::string_view("session_before"), std::string_view(""));
    set.run(std::string_view("file_id"), std::int64_t{0});
    Statement number(database,
                     "UPDATE meta SET value = max(value, ?1) WHERE key = 'last_alert_id'");
    number.run(last_alert_id);
    transaction.commit();
}

}  // namespace incm::inbox::sqlite
