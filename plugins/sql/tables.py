"""The two tables of the plugin `sql`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql

KEY_LENGTH = 190  # the longest text that every version of MariaDB and MySQL takes as a key
NAME_LENGTH = 255
_SERVERS = ("mysql", "mariadb")


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC to the microsecond: with its zone in PostgreSQL, without elsewhere."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the type of the column."""
        if dialect.name in _SERVERS:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a time to UTC, and drop the zone where the column has none."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)


def _key() -> String:
    """A text that is compared byte for byte."""
    exact = mysql.VARCHAR(KEY_LENGTH, charset="utf8mb4", collation="utf8mb4_bin")
    return String(KEY_LENGTH).with_variant(exact, *_SERVERS)


def _name() -> String:
    return String(NAME_LENGTH)


def _text() -> Text:
    return Text().with_variant(mysql.LONGTEXT(), *_SERVERS)


def alerts_table(name: str, metadata: MetaData) -> Table:
    """Describe the table of alerts: a row for each alert, with a column for each field."""
    return Table(
        name,
        metadata,
        Column("delivery_key", _key(), primary_key=True),
        Column("inbox_id", BigInteger, nullable=False),
        Column("endpoint", _name(), nullable=False),
        Column("received_at", UtcTime, nullable=False),
        Column("id", _key()),
        Column("type", _name()),
        Column("label", _name()),
        Column("status", _name()),
        Column("priority", BigInteger),
        Column("ack", Boolean),
        Column("app", _name()),
        Column("title", _text()),
        Column("content", _text()),
        Column("reason", _name()),
        Column("retention", BigInteger),
        Column("timestamp", UtcTime),
        Column("device_id", _key()),
        Column("serial_number", _name()),
        Column("entity_id", _name()),
        Column("entity_name", _name()),
        Column("entity_type", _name()),
        Column("org_id", _name()),
        Column("org_name", _name()),
        Column("device_group_id", _name()),
        Column("device_group_name", _name()),
        Column("created_at", UtcTime),
        Column("updated_at", UtcTime),
        Column("closed_at", UtcTime),
        Column("raw", _text(), nullable=False),
        Index(f"{name}_received_at", "received_at"),
        Index(f"{name}_device_id", "device_id", "received_at"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


def devices_table(name: str, metadata: MetaData) -> Table:
    """Describe the table of devices: a row for each device, with what is known last."""
    return Table(
        name,
        metadata,
        Column("device_id", _key(), primary_key=True),
        Column("connected", Boolean),
        Column("connected_at", UtcTime),
        Column("serial_number", _name()),
        Column("name", _name()),
        Column("org_name", _name()),
        Column("device_group_name", _name()),
        Column("last_type", _name()),
        Column("last_label", _name()),
        Column("last_status", _name()),
        Column("last_delivery_key", _key(), nullable=False),
        Column("last_alert_at", UtcTime, nullable=False),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
