#include "incm/inbox/sqlite/schema.h"

#include <array>
#include <string>

#include <sqlite3.h>

#include "incm/base/result.h"
#include "incm/inbox/sqlite/upgrade_copy_name.h"

namespace incm::inbox::sqlite {

namespace {

// clang-format off
constexpr const char* kVersion1 = R"(
CREATE TABLE meta(
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta(key, value) VALUES
    ('inbox_id', lower(hex(randomblob(8)))),
    ('clock_ms', 0),
    ('last_alert_id', 0),
    ('alerts', 0);

CREATE TABLE alert(
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    form TEXT NOT NULL,
    type TEXT NOT NULL,
    device TEXT NOT NULL,
    text BLOB NOT NULL
) STRICT;

CREATE TABLE seen(
    key BLOB PRIMARY KEY,
    alert_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE delivery(
    plugin_id INTEGER NOT NULL,
    alert_id INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY(plugin_id, alert_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_retry ON delivery(plugin_id, due_at_ms) WHERE attempts > 0 AND dead = 0;

CREATE TABLE attempt(
    alert_id INTEGER NOT NULL,
    plugin_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER NOT NULL,
    duration_ms INTEGER,
    outcome TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY(alert_id, plugin_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease(
    id INTEGER PRIMARY KEY,
    plugin_id INTEGER NOT NULL,
    alert_ids BLOB NOT NULL,
    taken_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE quarantine(
    id INTEGER PRIMARY KEY,
    received_at_ms INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
)";

// stored_at_ms: inbox clock, for retention.
// first_alert_id: the first alert that the plugin could get.
// base: attempts made before an operator requested the delivery again.
constexpr const char* kVersion2 = R"(
ALTER TABLE alert ADD COLUMN stored_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE alert SET stored_at_ms = received_at_ms;
ALTER TABLE plugin ADD COLUMN first_alert_id INTEGER NOT NULL DEFAULT 1;
ALTER TABLE delivery ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
)";

// The body is the last column, so that reading the others does not read a long body.
// A number is never used again: it always names the request that an operator saw.
constexpr const char* kVersion3 = R"(
CREATE TABLE rejected(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    peer TEXT NOT NULL,
    source TEXT NOT NULL,
    signature TEXT,
    content_type TEXT NOT NULL,
    reason TEXT NOT NULL,
    identity BLOB UNIQUE,
    body BLOB NOT NULL
) STRICT;
INSERT INTO rejected
    SELECT id, 'not-json', received_at_ms, endpoint, '', '', NULL, '', reason, NULL, body
    FROM quarantine;
DROP TABLE quarantine;
ALTER TABLE rejected RENAME TO quarantine;
)";

// The keys that will move to `seen`, in the order of their alerts.
constexpr const char* kVersion4 = R"(
CREATE TABLE fresh(
    alert_id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
)";

// One row for the keys of a transaction, one after the other, instead of one for each.
constexpr const char* kVersion5 = R"(
INSERT OR REPLACE INTO seen(key, alert_id, at_ms)
    SELECT key, alert_id, at_ms FROM fresh ORDER BY alert_id;
DROP TABLE fresh;
CREATE TABLE fresh(
    first_alert_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    keys BLOB NOT NULL
) STRICT;
)";

// incarnation: an open of the file, for the keys of the alerts that were stored while it was open.
// Alerts before the first one have keys of the old format.
// session, session_before, folded_ms, file_id, layout: see session.h.
constexpr const char* kVersion6 = R"(
CREATE TABLE incarnation(
    first_alert_id INTEGER PRIMARY KEY,
    id TEXT NOT NULL
) STRICT;
INSERT INTO meta(key, value) VALUES
    ('session', ''),
    ('session_before', ''),
    ('folded_ms', 0),
    ('file_id', 0),
    ('layout', 0);
)";

// open, dead: the numbers of such deliveries, so that an open need not count them.
// commits: see last_commit.h.
// traceback: of the last attempt that had one. It is not in `attempt`, whose rows are many and
// short.
constexpr const char* kVersion7 = R"(
INSERT INTO meta(key, value)
    SELECT 'open', count(*) FROM delivery WHERE dead = 0 UNION ALL
    SELECT 'dead', count(*) FROM delivery WHERE dead = 1 UNION ALL
    SELECT 'commits', 0;

CREATE TABLE traceback(
    alert_id INTEGER NOT NULL,
    plugin_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY(alert_id, plugin_id)
) STRICT;
)";

// The rows are not in the order of their keys, so that counting keys reads no values.
constexpr const char* kVersion8 = R"(
CREATE TABLE plugin_state(
    id INTEGER PRIMARY KEY,
    plugin_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE(plugin_id, key)
) STRICT;
)";

// ended_at_ms: NULL while it lasts.
constexpr const char* kVersion9 = R"(
CREATE TABLE outage(
    plugin_id INTEGER NOT NULL,
    began_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    PRIMARY KEY(plugin_id, began_at_ms)
) STRICT, WITHOUT ROWID;
)";

// trace: the W3C traceparent that the deliveries continue, then perhaps a blank and its tracestate.
constexpr const char* kVersion10 = R"(
ALTER TABLE alert ADD COLUMN trace TEXT;
)";
// clang-format on

/// Step i brings version i to version i + 1. Steps are never edited once released.
constexpr std::array kSteps = {kVersion1, kVersion2, kVersion3, kVersion4, kVersion5,
                               kVersion6, kVersion7, kVersion8, kVersion9, kVersion10};

}  // namespace

const char* library_version() noexcept {
    return sqlite3_libversion();
}

std::int64_t schema_version() noexcept {
    return static_cast<std::int64_t>(kSteps.size());
}

std::string newer_inbox_text(const std::string& path, std::int64_t version) {
    std::string text = "the inbox " + path + " is of version " + std::to_string(version) +
                       ", this program knows up to " + std::to_string(schema_version()) +
                       ": use the newer program";
    if (const auto copy = find_upgrade_copy(path, schema_version())) {
        text +=
            ", or go back with `" + restore_command(copy->path, path) + "` to the copy of " +
            copy->day +
            (copy->version == schema_version() ? ", which was kept before the upgrade"
                                               : ", which is from an earlier upgrade, of version " +
                                                     std::to_string(copy->version)) +
            ": alerts that came since then are only in the newer inbox, which is kept beside "
            "it, and what was delivered since then is delivered again";
    }
    return text;
}

base::Failure newer_inbox(const std::string& path, std::int64_t version) {
    return base::Failure({base::ErrorCode::kInboxNewer, newer_inbox_text(path, version)});
}

void migrate(Database& database, const std::string& path) {
    // Read through SQLite and not from the first page of the file: a newer version may be only in
    // the log.
    const std::int64_t version = database.integer_of("PRAGMA user_version");
    if (version > schema_version()) {
        throw newer_inbox(path, version);
    }
    if (version == schema_version()) {
        return;
    }
    Transaction transaction(database, true);
    for (auto step = static_cast<std::size_t>(version); step < kSteps.size(); ++step) {
        database.execute(kSteps[step]);
    }
    database.execute(("PRAGMA user_version=" + std::to_string(schema_version())).c_str());
    transaction.commit();
}

}  // namespace incm::inbox::sqlite
