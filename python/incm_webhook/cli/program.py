"""The command line: its commands, and how each one ends."""

import contextlib
import io
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from incm_webhook import __version__
from incm_webhook.cli.backup import backup, restore
from incm_webhook.cli.bench import bench
from incm_webhook.cli.completion import completion
from incm_webhook.cli.config import config
from incm_webhook.cli.dead import dead, replay
from incm_webhook.cli.doctor import doctor
from incm_webhook.cli.inbox import inbox
from incm_webhook.cli.init import init
from incm_webhook.cli.message import send, sign, verify
from incm_webhook.cli.new_plugin import new_plugin
from incm_webhook.cli.options import option, what_is_served
from incm_webhook.cli.plugin_run import plugin_group
from incm_webhook.cli.plugin_state import state
from incm_webhook.cli.plugins import plugins
from incm_webhook.cli.quarantine import quarantine
from incm_webhook.cli.reload import reload
from incm_webhook.cli.sections import GroupInSections
from incm_webhook.cli.simulate import simulate
from incm_webhook.cli.status import status
from incm_webhook.cli.types import types
from incm_webhook.cli.version import version
from incm_webhook.errors import EXIT_FAILED, EXIT_USAGE, Error, exit_status
from incm_webhook.log import describe, is_debug, set_up_logging, write_failure
from incm_webhook.process import early
from incm_webhook.process.shutdown import bound_the_end

PROGRAM = "incm-webhook"
_STANDARD_ERROR = 2


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a command failed. `error` is the exception whose traceback may be wanted."""

    message: str
    status: int
    error: BaseException | None = None


@click.group(
    cls=GroupInSections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Receive InCloud Manager alert webhooks, store them, hand them to plugins."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(EXIT_USAGE)


@commands.command(short_help="Receive alerts until SIGTERM or Ctrl-C.")
@what_is_served
@option("--ready-file", "File that is written when it serves (JSON).", metavar="FILE")
@option("--log-level", 'debug, info, warning or error; also "info,httpx=debug".', metavar="LEVEL")
@option("--log-format", "text, json, or journal for a service of systemd.", metavar="FORMAT")
@click.option(
    "--supervise",
    is_flag=True,
    envvar="INCM_WEBHOOK_SUPERVISE",
    help="Keep the port open over crashes, reloads and upgrades.  [env: INCM_WEBHOOK_SUPERVISE]",
)
@click.option(
    "--dev",
    is_flag=True,
    envvar="INCM_WEBHOOK_DEV",
    help="Reload plugin files that change, and log every outcome.  [env: INCM_WEBHOOK_DEV]",
)
@click.option(
    "--watch",
    is_flag=True,
    envvar="INCM_WEBHOOK_WATCH",
    help="Reload when configuration, secrets or plugins change.  [env: INCM_WEBHOOK_WATCH]",
)
def serve(*, supervise: bool, dev: bool, watch: bool, **overrides: Any) -> int:
    """Receive alerts until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.

    A flag overrides its environment variable, which overrides the configuration file.
    INCM_WEBHOOK_PLUGIN may name several plugins, separated by blanks. With --supervise a small
    parent process holds the sockets, and SIGHUP starts a new server that takes over. --dev does
    the same when the file of a plugin changes: with a mistake in it, the old server goes on.
    --watch reloads within the server when a file of the configuration has changed: the file
    itself, a secret, a certificate, or the file of a plugin.

    Example: incm-webhook serve --secret-file ./secret --plugin ./noc.py --dev
    """
    import logging

    from incm_webhook.config.early_log import early_log

    cwd = Path.cwd()
    style, levels = early_log(overrides, os.environ, cwd)
    if (supervise or dev) and "INCM_WEBHOOK_SUPERVISOR" not in os.environ:
        _become_supervisor(style, levels.own)
    set_up_logging(levels=levels, style=style)
    _show_prints()

    from incm_webhook.process.orphans import stand_in_front
    from incm_webhook.process.signals import Signals

    signals = None
    if early.serves:  # else another program calls main(), and the process is its own
        stand_in_front()
        signals = Signals()

    from incm_webhook.config.loading import Settings, load_settings
    from incm_webhook.config.server import is_loopback
    from incm_webhook.process.stray_errors import catch_stray_errors
    from incm_webhook.service.log_settings import apply_log_settings

    def load() -> Settings:
        return load_settings(overrides, os.environ, cwd)

    settings = load()
    apply_log_settings(settings.log, dev=dev)
    catch_stray_errors()
    logger = logging.getLogger("incm_webhook.config")
    for warning in settings.warnings:
        logger.warning("%s", warning)
    if dev and not is_loopback(settings.server.listen):
        logger.warning(
            "--dev runs whatever is written to a plugin's file, and %s is no address of loopback: "
            "use it on your own machine",
            settings.server.listen,
        )

    from incm_webhook.service import run

    return run.run(settings, load, signals, dev=dev, watch=watch)


def _show_prints() -> None:
    """Let what a plugin prints be seen at once, also in a file or in the journal.

    Not in a pipe: nobody may read it, and a handler would wait at its first print.
    """
    out = sys.stdout
    with contextlib.suppress(OSError):  # there may be no file, or a closed one
        if isinstance(out, io.TextIOWrapper) and not stat.S_ISFIFO(os.fstat(out.fileno()).st_mode):
            out.reconfigure(line_buffering=True)


def _become_supervisor(style: str, level: int) -> None:
    """Replace this process with the supervisor of this command, which loads few modules."""
    import signal

    signal.pthread_sigmask(signal.SIG_BLOCK, early.HELD)  # until the supervisor handles them
    # `python -m` puts the working directory on the path, for plugins too; a script does not.
    path_rule = [] if Path(sys.argv[0]).name == "__main__.py" else ["-P"]
    child = [sys.executable, *path_rule, "-m", "incm_webhook", *sys.argv[1:]]
    log = ["--log", style, str(level)]
    supervise = Path(__file__).parents[1] / "supervise" / "__main__.py"
    os.execv(sys.executable, [sys.executable, "-I", "-S", str(supervise), *log, *child])  # noqa: S606


@commands.command(short_help="Check whether serve could start.")
@what_is_served
@click.option("--connect", is_flag=True, help="Let each plugin try its target, too.")
def check(*, connect: bool, **overrides: Any) -> int:
    """Try what `serve` would do, without serving, and print everything that is wrong.

    It takes the same flags and variables for what is served as `serve`. Run it as the user of the
    server: each plugin is set up and closed, in a process of its own. With --connect, a plugin
    that has `connect` also tries its target, for 30 s at most, and the collector of traces is
    tried.

    Exit status: 0 it could serve; 2 the configuration, a secret or the certificate is wrong; 3 it
    could not listen, or could not use the inbox; 4 a plugin cannot be loaded or set up. The lowest
    of several.

    Example: incm-webhook check --connect
    """
    from incm_webhook.cli.check import run_check

    return run_check(overrides, os.environ, Path.cwd(), connect=connect)


commands.add_command(send)
commands.add_command(init)
commands.add_command(config)
commands.add_command(completion)
commands.add_command(new_plugin)
commands.add_command(plugin_group)
plugins.add_command(state)
commands.add_command(plugins)
commands.add_command(types)
commands.add_command(sign)
commands.add_command(verify)
commands.add_command(doctor)
commands.add_command(status)
commands.add_command(reload)
commands.add_command(simulate)
commands.add_command(bench)
inbox.add_command(backup)
inbox.add_command(restore)
commands.add_command(inbox)
commands.add_command(dead)
commands.add_command(replay)
commands.add_command(quarantine)
commands.add_command(version)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the arguments without the program's name. None takes those of the process. The
            process must then end after this call: when a plugin of `serve` keeps it alive, it is
            killed at the end of the grace.

    Returns:
        The exit status: 0 done, 1 failed while running, 2 wrong usage or configuration, 3 could
        not start, 4 a plugin could not be loaded. A failure is one message on standard error, with
        a traceback only under INCM_WEBHOOK_DEBUG=1.

    Threads: the main one.
    Source: docs/contract.md, Exit statuses.
    """
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character outside the locale's encoding, such as Chinese in ISO 8859-1, ends no command.
        sys.stdout.reconfigure(errors="backslashreplace")
    if arguments is not None:
        return _run(list(arguments), waits=True)
    # A command waits until its message is read; a server has to end even if nobody reads it.
    status = _run(sys.argv[1:], waits=sys.argv[1:2] != ["serve"])
    bound_the_end(status or EXIT_FAILED)
    return status


def _run(arguments: list[str], *, waits: bool) -> int:
    try:
        status = commands.main(arguments, PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        failure = _Failure(_usage(error, arguments), error.exit_code)
    except click.ClickException as error:
        failure = _Failure(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        failure = _Failure("stopped", EXIT_FAILED)
    except Error as error:
        failure = _Failure(str(error), exit_status(error), error)
    except Exception as error:
        failure = _Failure(f"unexpected error: {describe(error)}", EXIT_FAILED, error)
    else:
        return status if isinstance(status, int) else 0
    _print_failure(failure, waits=waits)
    return failure.status


def _open_closed_streams() -> None:
    """Open /dev/null as a standard stream that is closed.

    Otherwise the next file or connection would get its number, and with it the lines of the log.
    """
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - no keyword argument
        os.close(descriptor)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # it was closed when Python began
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))


def _usage(error: click.UsageError, arguments: list[str]) -> str:
    text = error.format_message()
    text = text[:1].lower() + text[1:].rstrip(".")
    command = error.ctx.command_path if error.ctx else _command_path(arguments)
    return f"{text}; see `{command} --help`"


def _command_path(arguments: list[str]) -> str:
    """Return the command that the arguments name: an option without its value has no context."""
    command: click.Command = commands
    path = PROGRAM
    for word in arguments:
        if not isinstance(command, click.Group) or word not in command.commands:
            break
        command = command.commands[word]
        path += f" {word}"
    return path


def _print_failure(failure: _Failure, *, waits: bool) -> None:
    """Write a failure to standard error; without `waits` as a log line, which may be dropped."""
    trace = ""
    if failure.error is not None and is_debug():
        import traceback

        from incm_webhook.text.redaction import without_secrets

        trace = without_secrets("".join(traceback.format_exception(failure.error)))
    if waits:
        click.echo(f"{trace}{PROGRAM}: {failure.message}", err=True)
    else:
        write_failure(failure.message, trace)
