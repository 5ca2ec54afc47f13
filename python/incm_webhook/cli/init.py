"""The command `init`: writes what a first start needs, and says what comes next."""

import secrets
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from incm_webhook.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from incm_webhook.cli.first_files import Choice

DEFAULT_LISTEN = "127.0.0.1:8080"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Answers:
    listen: str
    secret: bytes | None  # None: there is a file
    choice: "Choice"


@click.command(short_help="Write a first configuration, a secret and a plugin.")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option("--yes", is_flag=True, help="Ask nothing: take flags and defaults.")
@click.option("--listen", metavar="HOST:PORT", help=f"Address for alerts; {DEFAULT_LISTEN}.")
@click.option(
    "--plugin", metavar="SPEC", help="Plugin: a name, ./file.py or module:object; an example."
)
def init(*, folder: str, yes: bool, listen: str | None, plugin: str | None) -> int:
    """Write a configuration, a secret, an example plugin and a systemd unit into DIR (.).

    It asks where the server listens, for the secret token of the webhook (or generates one), and
    which plugin gets the alerts. With --yes it asks nothing. Then it prints what to enter in
    InCloud Manager, and the next commands. Nothing is overwritten: a secret or a plugin that is
    there already is used, and a folder with a configuration is left alone.

    Example: incm-webhook init --yes
    """
    from incm_webhook.cli import first_files

    into = Path(folder)
    if into.exists() and not into.is_dir():
        raise click.UsageError(f"{folder} is not a folder: name another DIR")
    if (into / first_files.CONFIG).exists():
        raise click.UsageError(
            f"{into / first_files.CONFIG} is there already, and nothing is overwritten: "
            "`incm-webhook config show` prints what it sets; name another DIR for a new one"
        )
    answers = _answers(into, listen, plugin, yes=yes)
    contents = first_files.texts(into.absolute(), answers.listen, answers.secret, answers.choice)
    written = first_files.write_new(into, contents)
    for name in (first_files.CONFIG, first_files.SECRET, first_files.PLUGIN, first_files.UNIT):
        if name in written:
            mode = " (mode 0600)" if name == first_files.SECRET else ""
            click.echo(f"wrote {into / name}{mode}")
        elif (into / name).exists():
            click.echo(f"kept {into / name}, which was there already")
    _print_next(into, answers)
    return 0


def _answers(into: Path, listen: str | None, plugin: str | None, *, yes: bool) -> _Answers:
    """Take each answer from its flag, else ask for it, or with --yes take the default."""
    from incm_webhook.cli import first_files

    def found(
        given: str | None, default: str, question: str, read: Callable[[str], _Value]
    ) -> _Value:
        if given is not None or yes:
            return read(default if given is None else given)
        return _ask(question, default, read)

    address = found(
        listen, DEFAULT_LISTEN, "Address to listen on, 0.0.0.0:8080 for all networks", _address
    )
    secret = None
    if not (into / first_files.SECRET).exists():
        secret = _generated() if yes else _ask_secret()
    choice = found(
        plugin,
        "example",
        "Plugin that gets the alerts: example, log, jsonl, slack, ..., ./file.py",
        lambda text: _choice(text, into),
    )
    return _Answers(address, secret, choice)


def _ask(question: str, default: str, read: Callable[[str], _Value]) -> _Value:
    while True:
        text = _prompt(question, default=default)
        try:
            return read(text)
        except (click.UsageError, PluginError) as error:
            click.echo(getattr(error, "message", str(error)), err=True)


def _ask_secret() -> bytes:
    from incm_webhook.config.secrets import Secret, oddity

    question = "Secret token of the webhook; leave it empty to generate one"
    while True:
        value = _prompt(question, default="", hidden=sys.stdin.isatty()).encode(errors="replace")
        if not value:
            return _generated()
        try:
            Secret(value)
        except ConfigError as error:
            click.echo(str(error), err=True)
            continue
        odd = oddity(value, "the secret")
        if odd:
            click.echo(f"warning: {odd}", err=True)
        return value


def _prompt(question: str, *, default: str, hidden: bool = False) -> str:
    try:
        text: str = click.prompt(
            question, default=default, show_default=bool(default), hide_input=hidden, err=True
        )
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(
            "standard input ended before the last answer: give --yes to be asked nothing"
        ) from None
    return text.strip()


def _generated() -> bytes:
    return secrets.token_urlsafe(32).encode()


def _address(text: str) -> str:
    from pydantic import ValidationError

    from incm_webhook.config.messages import sentences
    from incm_webhook.config.server import ServerSettings

    try:
        return ServerSettings(listen=text).listen
    except ValidationError as error:
        found = sentences(error, ServerSettings, lambda location: ("", location))
        raise click.UsageError(found[0].replace("listen: ", "--listen: ", 1)) from None


def _choice(text: str, into: Path) -> "Choice":
    """Look the plugin up; a file is written as it is reached from the configuration."""
    from incm_webhook.cli.first_files import EXAMPLE, PLUGIN, Choice
    from incm_webhook.hosting.registry import file_of, look_at

    if text in ("example", EXAMPLE):
        return Choice.of(EXAMPLE, look_at(EXAMPLE, into) if (into / PLUGIN).exists() else None)
    file = file_of(text, Path.cwd())
    if file is None:
        return Choice.of(text, look_at(text))
    found = look_at(text, Path.cwd())
    place, folder = file.resolve(), into.resolve()
    name = f"./{place.relative_to(folder)}" if place.is_relative_to(folder) else str(place)
    return Choice.of(name + text.rpartition("/")[2].removeprefix(file.name), found)


def _print_next(into: Path, answers: _Answers) -> None:
    from incm_webhook.cli.first_files import CONFIG, SECRET, UNIT
    from incm_webhook.config.server import is_loopback, split_address

    port = split_address(answers.listen)[1]
    secret = shlex.quote(str(into / SECRET) if into.parts else f"./{SECRET}")
    click.echo("\nenter in InCloud Manager, as a new webhook:")
    click.echo("  URL           https://YOUR-HOST/webhook")
    click.echo(f"  Secret token  what `cat {secret}` prints")
    click.echo("and select that webhook as the channel of your alert rules.")
    if is_loopback(answers.listen):
        click.echo(f"A proxy with TLS on YOUR-HOST passes it on to http://{answers.listen}.")
    else:
        click.echo(
            f"The server listens on {answers.listen} without TLS: put a proxy with TLS in front of "
            f"it, or set tls in {into / CONFIG}."
        )
    if answers.choice.needs:
        click.echo(
            f"\nThe plugin {answers.choice.use} needs more ({answers.choice.needs}): fill in its "
            f"table at the end of\n{into / CONFIG}; until then the example plugin gets the alerts."
        )
    config = f" --config {shlex.quote(str(into / CONFIG))}" if into.parts else ""
    click.echo("\nnext, and the second one in another terminal:")
    click.echo(f"  incm-webhook serve{config}")
    click.echo(
        f"  incm-webhook send http://{_reached(answers.listen)}:{port}/webhook "
        f"--secret-file {secret} --type disconnected"
    )
    click.echo(f"\nTo keep it running, install {into / UNIT} in /etc/systemd/system.")


def _reached(listen: str) -> str:
    """Return the host under which this machine reaches its own server."""
    from incm_webhook.config.server import split_address

    host = split_address(listen)[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"[{host}]" if ":" in host else host
