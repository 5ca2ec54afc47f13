"""The files that `init` writes: a configuration, a secret, a plugin and a systemd unit."""

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click
from pydantic import ValidationError

from incm_webhook.config.messages import sentences
from incm_webhook.config.server import is_loopback
from incm_webhook.hosting.registry import Description
from incm_webhook.text.toml import toml_of

CONFIG = "incm-webhook.toml"
SECRET = "secret"  # noqa: S105 - the name of a file
PLUGIN = "example.py"
UNIT = "incm-webhook.service"
EXAMPLE = f"./{PLUGIN}"
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome=yes hides


@dataclass(frozen=True, slots=True)
class Choice:
    """The plugin of the new configuration.

    Attributes:
        use: the value of its key `use`.
        needs: what its config lacks while it is empty, in words; "" for nothing. A plugin that
            needs something is written as a comment below the example plugin, so that the server
            can start at once.
        required: the keys of its config that have no default.
    """

    use: str = EXAMPLE
    needs: str = ""
    required: tuple[str, ...] = ()

    @classmethod
    def of(cls, use: str, found: Description | None) -> "Choice":
        """Make the choice of a plugin that was found; None for one that is still to be written."""
        model = found.model if found else None
        if model is None:
            return cls(use)
        try:
            model.model_validate({})
        except ValidationError as error:
            needs = "; ".join(sentences(error, model, lambda location: ("", location)))
            fields = model.model_fields.items()
            required = tuple(one.alias or name for name, one in fields if one.is_required())
            return cls(use, needs, required)
        return cls(use)

    @property
    def wants_example(self) -> bool:
        """Whether the example plugin is written."""
        return self.use == EXAMPLE or bool(self.needs)


def texts(folder: Path, listen: str, secret: bytes | None, choice: Choice) -> dict[str, bytes]:
    """Return the files by name.

    Args:
        folder: where they will be, absolute.
        listen: HOST:PORT.
        secret: the secret token; None leaves its file out.
        choice: the plugin.
    """
    found = {CONFIG: _config(listen, choice).encode()}
    if secret is not None:
        found[SECRET] = secret + b"\n"
    if choice.wants_example:
        found[PLUGIN] = _scaffold("plugin.py").replace("@name@", "example").encode()
    found[UNIT] = unit(folder).encode()
    return found


def write_new(folder: Path, contents: Mapping[str, bytes]) -> list[str]:
    """Write files that are not there yet; the secret's with mode 0600.

    Returns:
        The names of the written files; a file that exists stays as it is.

    Raises:
        click.ClickException: a file or the folder cannot be written; then none is left.
    """
    written: list[str] = []
    name = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            with contextlib.suppress(FileExistsError):
                _write(folder / name, content, 0o600 if name == SECRET else 0o644)
                written.append(name)
    except OSError as error:
        for one in written:
            (folder / one).unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(
            f"cannot write {folder / name}: {reason}: name a folder that you may write to"
        ) from None
    return written


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
    except OSError:  # no room, for example
        path.unlink(missing_ok=True)
        raise


def _config(listen: str, choice: Choice) -> str:
    note = ""
    if is_loopback(listen):
        note = "            # this machine only: a proxy with TLS passes alerts on"
    text = _scaffold(CONFIG).replace("@listen@", listen).replace("@listen_note@", note)
    use = toml_of(EXAMPLE if choice.wants_example else choice.use)
    lines: list[str] = []
    if choice.needs:
        keys = ", ".join(f"{key} = ..." for key in choice.required) or "..."
        lines = [
            "",
            f"# Still to be filled in: `incm-webhook plugins {choice.use}` explains each key. A",
            '# text may also be { file = "FILE" } or { env = "NAME" }.',
            "# [[plugin]]",
            f"# use = {toml_of(choice.use)}",
            f"# config = {{ {keys} }}",
            "",
        ]
    return text.replace("@use@", use).replace("@later@", "\n".join(lines))


def unit(folder: Path) -> str:
    """Return the systemd unit that serves the configuration of a folder.

    It is the unit of docs/systemd with the paths of this folder and of this program. Where
    `ProtectHome=yes` would hide one of them, the service runs as the present user, who may read it.
    """
    program = _program()
    changes = {
        "ExecStart=/opt/incm-webhook/bin/incm-webhook serve "
        "--config /etc/incm-webhook/incm-webhook.toml": f"ExecStart={_word(program)} serve "
        f"--config {_word(folder / CONFIG)} --secret-file incm-secret",
        '# In the configuration: secret_file = "incm-secret"': "# systemd reads the file, and "
        "gives the service a copy, which --secret-file names.",
        "LoadCredential=incm-secret:/etc/incm-webhook/secret": "LoadCredential=incm-secret:"
        f"{str(folder / SECRET).replace('%', '%%')}",
    }
    if any(one.is_relative_to(home) for one in (program, folder) for home in _HOMES):
        changes["DynamicUser=yes"] = f"User={_user()}"
        changes["ProtectHome=yes"] = "ProtectHome=read-only"
    text = _scaffold(UNIT)
    for old, new in changes.items():
        if f"{old}\n" not in text:
            raise AssertionError(f"{UNIT} has no line {old}")
        text = text.replace(f"{old}\n", f"{new}\n")
    return text


def _program() -> Path:
    beside = Path(sys.executable).with_name("incm-webhook")
    found = beside if beside.exists() else shutil.which("incm-webhook")
    return Path(os.path.abspath(found or beside))  # noqa: PTH100 - links stay: a venv is one


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _word(path: Path) -> str:
    """Write a path as one word of a unit's command line."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    text = text.replace("$", "$$")
    return f'"{text}"' if any(one.isspace() or one in "\"'\\;" for one in text) else text


def _scaffold(name: str) -> str:
    return (files("incm_webhook.cli") / "scaffold" / f"{name}.txt").read_text(encoding="utf-8")
