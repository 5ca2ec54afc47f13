"""Makes the report of `bench --report`: machine, disk, rates, inbox and configuration."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from incm_webhook.bench.survey import Plan, Survey, survey
from incm_webhook.cli.bench import is_this_machine, warn_of_real_alerts
from incm_webhook.config.settings import Settings
from incm_webhook.errors import EXIT_FAILED, Error
from incm_webhook.log import printable
from incm_webhook.text.redaction import redacted
from incm_webhook.text.toml import toml_of

DURATION_S = 3.0
MOST_DURATION_S = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of `bench` that concern a report.

    Attributes:
        url: the receiver; None: one that is started for this.
        secret: its secret token.
        connections: of the first and the third part.
        duration: seconds of each part; None: the default.
        rate: of the third part; None: half of what the first reached.
        wire: how the JSON is spelled.
        as_json: whether the report is JSON.
    """

    url: str | None
    secret: bytes | None
    connections: int
    duration: float | None
    rate: float | None
    wire: str
    as_json: bool


def write_report(wanted: Wanted, target: str, place: Mapping[str, str | None]) -> int:
    """Measure, and write the report.

    Args:
        wanted: what is measured.
        target: a file, which must not exist; "-" for standard output.
        place: the flags config, inbox and admin; None for one that is not given.

    Returns:
        The exit status: 0 when each answer was 200.

    Raises:
        click.UsageError: the URL is another machine, the parts are too long, or the file exists
            or cannot be made.
        ConfigError: the configuration is wrong.
        click.ClickException: the folder of the inbox cannot be written.
        Error: the receiver does not start, or does not accept an alert.
    """
    from incm_webhook.config.loading import load_settings

    if wanted.url is not None and not is_this_machine(wanted.url):
        raise _wrong("--report sends alerts only to this machine: name a URL on loopback")
    if (wanted.duration or 0.0) > MOST_DURATION_S:
        raise _wrong(f"--duration is at most {MOST_DURATION_S:g}s for each part of --report")
    settings = load_settings(dict(place), os.environ, Path.cwd(), secretless=True, secrets=False)
    with _opened(target) as keep:
        found, ok = _measured(wanted, settings, place)
        if wanted.as_json:
            keep(json.dumps(found, indent=2, default=toml_of))
        else:
            from incm_webhook.cli.view.bench_report import lines_of_report

            keep("\n".join(lines_of_report(found, settings)))
    return 0 if ok else EXIT_FAILED


def _wrong(sentence: str) -> click.UsageError:
    return click.UsageError(sentence, click.get_current_context(silent=True))


@contextlib.contextmanager
def _opened(target: str) -> Iterator[Any]:
    """Make the file before anything is measured; remove it again when the report fails."""
    if target == "-":
        yield click.echo
        return
    try:
        file = Path(target).open("x", encoding="utf-8", errors="replace")  # noqa: SIM115 - below
    except FileExistsError:
        sentence = f"{printable(target)} exists, and is not overwritten: name another file"
        raise _wrong(sentence) from None
    except OSError as error:
        raise _wrong(f"{printable(target)} cannot be written: {error.strerror}") from None
    try:
        with file:
            yield lambda text: file.write(f"{text}\n")
    except BaseException:
        Path(target).unlink(missing_ok=True)
        raise
    click.echo(
        f"incm-webhook: {printable(target)} has no secrets, but paths, addresses and names of your "
        "configuration: read it before you pass it on",
        err=True,
    )


def _measured(
    wanted: Wanted, settings: Settings, place: Mapping[str, str | None]
) -> tuple[dict[str, Any], bool]:
    from incm_webhook.bench.disk import disk, sync_times
    from incm_webhook.bench.machine import machine, versions
    from incm_webhook.cli.view.settings import json_of

    folder = settings.inbox.real_path.parent
    found: dict[str, Any] = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": versions(),
        "machine": machine(),
    }
    try:
        _say("measuring fdatasync")
        found["disk"] = {**disk(folder), "fdatasync": sync_times(folder)}
        # Before the load, which an inbox that is served by the same disk would show.
        found |= _inbox_and_server(settings, place)
        result, receiver = _loaded(wanted, settings, folder)
    except OSError as error:
        if error.strerror is None:  # of the receiver for the measurement, not of a file
            raise click.ClickException(
                f"the receiver for the measurement does not end: {redacted(str(error))}"
            ) from None
        raise click.ClickException(
            f"the folder of the inbox, {printable(str(folder))}, cannot be used: {error.strerror}; "
            "run this as the user of the server, or name a folder of that disk with --inbox"
        ) from None
    found["load"] = {**receiver, "complete": result.complete, "parts": result.parts}
    if settings.source is not None or _is_set_by_environment():
        found["configuration"] = json_of(settings)["config"]
    return found, result.ok


def _is_set_by_environment() -> bool:
    return any(name.startswith("INCM_WEBHOOK_") for name in os.environ)


def _loaded(wanted: Wanted, settings: Settings, folder: Path) -> tuple[Survey, dict[str, Any]]:
    from incm_webhook.bench.trial import TrialReceiver

    def plan(url: str, secret: bytes | None) -> Plan:
        duration = DURATION_S if wanted.duration is None else wanted.duration
        return Plan(url, secret, wanted.connections, duration, wanted.rate, wanted.wire)

    if wanted.url is not None:
        warn_of_real_alerts()
        return survey(plan(wanted.url, wanted.secret), _say), {"receiver": wanted.url}
    _say("starting a receiver for the measurement")
    with _ended_by_signals(), TrialReceiver(folder, settings.inbox.reserve) as trial:
        result = survey(plan(trial.url, trial.secret.encode()), _say)
        return result, {"receiver": None, "cost": trial.cost(result.stored)}


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the process as an exception, so that nothing is left behind."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _inbox_and_server(settings: Settings, place: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the statistics of the inbox, and the status of its server; {} without an inbox."""
    from incm_webhook.cli.admin.client import Where, connect

    named = settings.source is not None or any(place.values())
    if not named and not settings.inbox.path.exists():
        return {}
    try:
        with connect(Where(**place), read_only=True) as client:
            found = {"inbox": client.get("stats")}
            if not client.offline:
                found["server"] = client.get("status")
            return found
    except click.ClickException as error:
        return {"inbox": {"error": error.format_message()}}
    except Error as error:
        return {"inbox": {"error": str(error)}}


def _say(sentence: str) -> None:
    if not sys.stderr.isatty():
        return
    click.echo(f"incm-webhook: {sentence}", err=True)
