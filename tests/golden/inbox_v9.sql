-- An inbox as version 9 of the tables had it.
CREATE TABLE meta(
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta(key, value) VALUES
    ('inbox_id', '0123456789abcdef'),
    ('clock_ms', 1800000000000),
    ('last_alert_id', 2),
    ('alerts', 2),
    ('session', '00112233445566aa'),
    ('session_before', ''),
    ('folded_ms', 1800000000000),
    ('file_id', 0),
    ('layout', 0),
    ('open', 3),
    ('dead', 1),
    ('commits', 9);

CREATE TABLE alert(
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    form TEXT NOT NULL,
    type TEXT NOT NULL,
    device TEXT NOT NULL,
    text BLOB NOT NULL,
    stored_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE seen(
    key BLOB PRIMARY KEY,
    alert_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_alert_id INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE delivery(
    plugin_id INTEGER NOT NULL,
    alert_id INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    error TEXT,
    base INTEGER NOT NULL DEFAULT 0,
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

CREATE TABLE fresh(
    first_alert_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    keys BLOB NOT NULL
) STRICT;

CREATE TABLE incarnation(
    first_alert_id INTEGER PRIMARY KEY,
    id TEXT NOT NULL
) STRICT;

CREATE TABLE traceback(
    alert_id INTEGER NOT NULL,
    plugin_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY(alert_id, plugin_id)
) STRICT;

CREATE TABLE plugin_state(
    id INTEGER PRIMARY KEY,
    plugin_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE(plugin_id, key)
) STRICT;

CREATE TABLE outage(
    plugin_id INTEGER NOT NULL,
    began_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    PRIMARY KEY(plugin_id, began_at_ms)
) STRICT, WITHOUT ROWID;
INSERT INTO plugin VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1);
INSERT INTO alert VALUES (1, '/alerts', 1700000000000, 'raw', 'reboot', 'device-1', X'7B7D', 1700000000000),
                         (2, '/alerts', 1700000000001, 'raw', 'reboot', 'device-2', X'5B5D', 1700000000001);
INSERT INTO seen VALUES (X'6C82A562CB808D10D632BE89C8513EBF6C929F34DDFA8C9F63C9960EF6E348A3', 1, 1800000000000);
INSERT INTO fresh VALUES (2, 1800000000000, X'C4EAB05D357007C632F3DBB48489924D552B08FE0C353A0D4A1F00ACDA2C463A');
INSERT INTO delivery VALUES (1, 1, 1800000000000, 1, 1800000000000, 0, 'why', 0),
                            (1, 2, 1800000000000, 0, 1800000000000, 0, NULL, 0),
                            (2, 1, 1800000000000, 3, 1800000000000, 1, 'why', 0),
                            (3, 2, 1800000000000, 0, 1800000000000, 0, NULL, 0);
INSERT INTO incarnation VALUES (2, '00112233445566aa');
INSERT INTO attempt VALUES (1, 1, 1, 1700000000002, 1700000000003, 1, 'retry', 'why');
INSERT INTO traceback VALUES (1, 1, 1, 'Traceback');
INSERT INTO plugin_state VALUES (1, 1, 'k', '1');
INSERT INTO outage VALUES (2, 1799999999000, 1799999999500);
PRAGMA application_id = 1229865805;
PRAGMA user_version = 9;
PRAGMA journal_mode = WAL;
