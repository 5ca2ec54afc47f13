"""The command `plugin run`, and `send --plugin`: alerts through one plugin, without a server."""

import itertools
import os
import re
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.message import FILE_HELP, body_source, read_body
from incm_webhook.errors import EXIT_FAILED, ConfigError, PluginError

if TYPE_CHECKING:
    from incm_webhook import Alert
    from incm_webhook.config.settings import PluginSettings
    from incm_webhook.hosting.loaded_plugin import LoadedPlugin
    from incm_webhook.text.failures import Account

_SHOWN = 10  # calls whose outcome is printed, when all deliver
_BATCH = 64  # alerts that a batch plugin gets at once, as from the server
_KEY = re.compile(r"([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Result:
    """The outcome of one call.

    Attributes:
        count: how many alerts it had.
        seconds: how long it took.
        word: "delivered", "retry", "reject", "unavailable" or "failed".
        then: what follows, or why it failed; "" when it is delivered.
        account: the description of the exception; None when it is delivered.
    """

    count: int
    seconds: float
    word: str
    then: str = ""
    account: "Account | None" = None


@click.group("plugin", short_help="Try a plugin while you write it.")
def plugin_group() -> None:
    """Try a plugin while you write it.

    Example: incm-webhook plugin run ./noc.py --type disconnected
    """


@plugin_group.command("run", short_help="Give one plugin alerts, without a server.")
@click.argument("spec")
@click.option("--type", "alert_type", metavar="TYPE", help="Make up an alert of this type.")
@click.option("--file", metavar="FILE|-", help=FILE_HELP)
@click.option("--count", type=click.IntRange(1), default=1, help="How many alerts.")
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="KEY=VALUE|FILE",
    help='A key of its config, such as url="http://127.0.0.1:8000/"; may be given several times. '
    "Or a configuration file: SPEC is then the name of a plugin in it.",
)
def run(
    *, spec: str, alert_type: str | None, file: str | None, count: int, configs: tuple[str, ...]
) -> int:
    """Set a plugin up, give it alerts, close it, and print outcome, log, time and traceback.

    SPEC is a value of the key use: ./noc.py, ./noc.py:page, package.module:object, or the name of
    a plugin. The plugin does what it does in a server, so it calls its target. No inbox is used.
    Filters are only looked at, and nothing is tried again. Without a configuration file, requests
    may go to loopback, too.

    Exit status: 0 every alert was delivered; 1 one was not; 4 the plugin cannot be loaded.

    Example: incm-webhook plugin run ./noc.py --type disconnected --config team=noc
    """
    from incm_webhook.config.settings import PluginSettings, default_plugin_name
    from incm_webhook.http.egress import LOOPBACK, Egress, applied

    files = [one for one in configs if "=" not in one]
    if files and (len(configs) > 1):
        raise click.UsageError("--config takes one file, or KEY=VALUE any number of times")
    alerts = alerts_of(file, alert_type, count)
    if files:
        return run_configured(spec, files[0], alerts)
    config: dict[str, Any] = {}
    for one in configs:
        _merge(config, _table_of(one))
    settings = PluginSettings(use=spec, name=default_plugin_name(spec) or spec, config=config)
    with applied(Egress.of(LOOPBACK)):
        return _run(settings, Path.cwd(), alerts)


def _table_of(text: str) -> dict[str, Any]:
    """Read KEY=VALUE; the value is TOML if it can be, else a text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = _KEY.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--config wants KEY=VALUE or a file, not {text}")
    value: Any = found[2]
    for key in reversed(found[1].split(".")):
        value = {key: value}
    table: dict[str, Any] = value
    return table


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def alerts_of(file: str | None, alert_type: str | None, count: int) -> "Iterator[Alert]":
    """Read or make up alerts.

    Args:
        file: a file with the body of one alert, or "-".
        alert_type: the type of a made-up alert; None for the default.
        count: how many; made-up alerts differ, and the one of a file is repeated.

    Raises:
        click.UsageError: both are given, or the type is no text for a terminal.
        ConfigError: the file cannot be read, or it holds no JSON.
    """
    from incm_webhook import Alert, AlertError
    from incm_webhook.sender.samples import DEFAULT_TYPE, sample, spell

    body_source(file, alert_type)
    if file is None:
        kind = alert_type or DEFAULT_TYPE
        return (Alert.from_json(spell(sample(kind))) for _ in range(count))
    try:
        alert = Alert.from_json(read_body(file))
    except AlertError as error:
        raise ConfigError(f"{file} holds no alert: {error}") from None
    return itertools.repeat(alert, count)


def run_configured(name: str, file: str | None, alerts: "Iterator[Alert]") -> int:
    """Run a plugin of a configuration file.

    Args:
        name: the plugin's name in it.
        file: the file; None for the one that `serve` would read.
        alerts: what the plugin gets.

    Returns:
        The exit status.

    Raises:
        ConfigError: the configuration is wrong, or has no such plugin.
        PluginError: the plugin cannot be loaded.
    """
    from incm_webhook.config.loading import load_settings
    from incm_webhook.config.messages import nearest
    from incm_webhook.http.egress import applied
    from incm_webhook.http.own_connections import deny_own_connections

    settings = load_settings({"config": file}, os.environ, Path.cwd(), endpoints=False)
    for one in settings.plugin:
        if one.name == name:
            with applied(settings.egress.rules):
                if one.isolation == "process":
                    deny_own_connections(one.name)
                return _run(one, settings.base, alerts)
    place = settings.source or "there is no configuration file, so it"
    raise ConfigError(
        f'{place} has no plugin "{name}"{nearest(name, [one.name for one in settings.plugin])}'
    )


def _run(settings: "PluginSettings", base: Path, alerts: "Iterator[Alert]") -> int:
    import logging

    from incm_webhook.hosting.local_run import LocalRun
    from incm_webhook.hosting.trial import wanted_by
    from incm_webhook.log import describe, printable, set_up_logging
    from incm_webhook.log_levels import LogLevels
    from incm_webhook.service.loading import load_plugin

    set_up_logging(levels=LogLevels(logging.DEBUG))
    plugin = load_plugin(settings, base)
    wants = wanted_by(plugin.settings) or "every alert"
    click.echo(printable(f"plugin {plugin.name}: {plugin.origin.text}, wants {wants}"))
    step = "setup"
    results: list[_Result] = []
    try:
        with LocalRun(plugin) as local:
            step = "the run"
            results = _deliver(local, plugin, alerts)
            step = "close"
    except (Exception, SystemExit) as error:
        if isinstance(error, PluginError):
            raise
        click.echo(f"{step} failed: {describe(error, plugin.code)}")
        _print_traceback(_account_of(error, plugin))
        return EXIT_FAILED
    if sum(one.count for one in results) > 1:
        click.echo(_summary(results))
    return 0 if all(one.word == "delivered" for one in results) else EXIT_FAILED


def _deliver(local: Any, plugin: "LoadedPlugin", alerts: "Iterator[Alert]") -> list[_Result]:
    from incm_webhook.hosting.local_run import made_up_deliveries
    from incm_webhook.service.native import filter_of

    wanted = filter_of(plugin.settings)
    key = os.urandom(4).hex()
    results: list[_Result] = []
    kinds: set[str] = set()
    for batch in _in_calls(alerts, _BATCH if plugin.batch else 1):
        deliveries = made_up_deliveries(len(batch), key=f"run-{key}-{len(results) + 1}")
        began = time.monotonic()
        try:
            local.call(batch, deliveries)
        except (Exception, SystemExit) as error:
            result = _failed(error, plugin, len(batch), time.monotonic() - began)
        else:
            result = _Result(len(batch), time.monotonic() - began, "delivered")
        results.append(result)
        kind = result.account.kind if result.account else ""
        if len(results) <= _SHOWN or (kind and kind not in kinds):
            _print(result, batch, plugin, shows_trace=kind not in kinds)
            if not wanted.matches(batch[0], deliveries[0].endpoint):
                click.echo("  a server would not give it this alert: its filters do not match")
        kinds.add(kind)
    return results


def _in_calls(alerts: "Iterator[Alert]", size: int) -> "Iterator[list[Alert]]":
    while batch := list(itertools.islice(alerts, size)):
        yield batch


def _failed(error: BaseException, plugin: "LoadedPlugin", count: int, seconds: float) -> _Result:
    from incm_webhook import Reject, Retry, Unavailable

    account = _account_of(error, plugin)
    if isinstance(error, Retry):
        pause = "by its retry settings" if error.after is None else f"in {error.after:g} s"
        why = f"{account.line.removeprefix('Retry: ')}; " if error.reason else ""
        word, then = "retry", f"{why}a server would try it again {pause}"
    elif isinstance(error, Reject):
        word, then = "reject", f"{account.line}; a server would keep it as a dead letter"
    elif isinstance(error, Unavailable):
        word = "unavailable"
        then = f"{account.line}; a server would keep the alert until a probe succeeds"
    else:
        word, then = "failed", account.line
    return _Result(count, seconds, word, then, account)


def _account_of(error: BaseException, plugin: "LoadedPlugin") -> "Account":
    """Describe an exception; its traceback begins in the plugin's own code."""
    from incm_webhook.text.failures import account_of

    trace = error.__traceback__
    while trace is not None and not plugin.code.name_of(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace
    return account_of(error, plugin.code)


def _print(
    result: _Result, batch: "Sequence[Alert]", plugin: "LoadedPlugin", *, shows_trace: bool
) -> None:
    from incm_webhook.log import printable

    what = batch[0].type or "an alert without type" if len(batch) == 1 else f"{len(batch)} alerts"
    then = f": {result.then}" if result.then else ""
    click.echo(printable(f"{what}: {result.word} in {_time(result.seconds)}{then}"))
    if result.account is not None and result.word == "failed" and shows_trace:
        _print_traceback(result.account)
    limit = plugin.settings.timeout
    if result.seconds > limit and not plugin.limits_itself:
        click.echo(f"  longer than its time-out of {limit:g} s: a server would count it as failed")


def _print_traceback(account: "Account") -> None:
    for line in account.traceback.split("\n") if account.traceback else ():
        click.echo(f"  {line}")


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _summary(results: Sequence[_Result]) -> str:
    counts: dict[str, int] = {}
    for one in results:
        counts[one.word] = counts.get(one.word, 0) + one.count
    total = sum(counts.values())
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    spent = sum(one.seconds for one in results)
    longest = max(one.seconds for one in results)
    return (
        f"{total:,} alerts in {_time(spent)}: {parts}; {_time(spent / total)} each, "
        f"the longest call {_time(longest)}"
    )
