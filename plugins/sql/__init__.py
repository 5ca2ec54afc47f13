"""Writes each alert to a table of a database, and the latest state of each device to another.

An alert is one row, whose key is the delivery key, so that a repetition adds nothing.

The files: `tables.py` has the two tables, `rows.py` makes rows of alerts, `database.py` connects
and writes, `failures.py` makes outcomes of errors.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from incm_webhook import Alert, Context, PluginError, Reject, Retry, plugin
from incm_webhook.fields import PositiveDuration

_EXTRAS = {"postgresql": "sql-postgresql", "mariadb": "sql-mariadb", "mysql": "sql-mariadb"}
_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,39}$"


class SqlConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        url: where the database is: postgresql://USER:PASSWORD@HOST/DATABASE, mariadb://... or
            sqlite:///FILE.
        alerts_table: the table of alerts.
        devices_table: the table of devices; empty: none.
        create: whether missing tables are created.
        time_limit: the longest time for connecting, for a statement, and for waiting for a lock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr
    alerts_table: str = Field(default="alerts", pattern=_NAME)
    devices_table: str = Field(default="devices", pattern=f"{_NAME}|^$")
    create: bool = True
    time_limit: PositiveDuration = 10.0

    @field_validator("url")
    @classmethod
    def _is_supported(cls, url: SecretStr) -> SecretStr:
        scheme = url.get_secret_value().partition(":")[0]
        if scheme not in ("postgresql", "mariadb", "mysql", "sqlite"):
            raise ValueError("it begins with postgresql://, mariadb://, mysql:// or sqlite://")
        if re.fullmatch(r"sqlite:(//)?/?(:memory:.*)?", url.get_secret_value()):
            raise ValueError("it names no file: write sqlite:///FILE, or sqlite:////ABSOLUTE/FILE")
        return url

    @model_validator(mode="after")
    def _are_two_tables(self) -> Self:
        if self.alerts_table == self.devices_table:
            raise ValueError("alerts_table and devices_table have the same name")
        return self


@plugin("sql", config=SqlConfig, concurrency=1)
class Sql:
    """Write each alert to a table, and the latest state of each device to another.

    Shape: one connection; a batch is one transaction.
    Errors: Unavailable, Reject, or another exception for another attempt.
    Threads: any; one connection serves them in turn.
    """

    def __init__(self, config: SqlConfig) -> None:
        try:
            from .database import Database
        except ImportError:
            raise PluginError(
                'the library SQLAlchemy is missing: pip install "incm-webhook[sql]"'
            ) from None
        scheme = config.url.get_secret_value().partition(":")[0]
        try:
            self._database = Database(config)
        except ImportError as error:
            extra = _EXTRAS.get(scheme, "sql")
            raise PluginError(
                f'the library {error.name} is missing: pip install "incm-webhook[{extra}]"'
            ) from None
        except ValueError as error:
            raise PluginError(f"config.url: {error}") from None

    def connect(self) -> None:
        """Connect to the database, and look for the tables; change nothing."""
        self._database.look()

    def handle_batch(self, alerts: Sequence[Alert], ctx: Context) -> None:
        """Write all alerts in one transaction; if the database refuses one, each in its own."""
        deliveries = list(zip(alerts, ctx.each, strict=True))
        try:
            self._database.write(deliveries)
        except Reject as error:
            if len(alerts) == 1:
                raise
            ctx.log.warning("one of %d alerts cannot be written: %s", len(alerts), error)
            for one in deliveries:
                with suppress(Reject):
                    self._database.write([one])
            # A Reject would speak of all. An alert that comes again comes alone.
            raise Retry(after=0) from None

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
