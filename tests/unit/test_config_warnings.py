from collections.abc import Callable
from pathlib import Path
from typing import Any

from incm_webhook.config import load_settings

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'


def load(workdir: Path, **overrides: Any) -> list[str]:
    return load_settings(overrides, {}, workdir).warnings


def test_warnings(workdir: Path, write: Write) -> None:
    assert load(workdir, secret_file="secret", plugin=("log",)) == []
    (workdir / "secret").chmod(0o644)
    write(
        "incm-webhook.toml",
        """
        [server]
        listen = "0.0.0.0:8080"
        admin = "0.0.0.0:9464"
        [[endpoint]]
        secret_file = "secret"
        [[endpoint]]
        path = "/b"
        secret = "hunter2-inline"
        """,
    )
    warnings = load(workdir)
    for part in (
        "wants TLS or a proxy in front",
        "admin listener",
        "every user of this machine may read the secret file",
        "the secret is written in the configuration itself",
        "no plugin is configured",
    ):
        assert any(part in one for one in warnings), part
    assert "hunter2" not in "".join(warnings)


def test_a_filter_that_can_match_nothing_is_warned_about(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        SIGNED + "[[plugin]]\nuse = 'log'\n"
        "types = ['disconected', 'license_*', 'reboot', 'quite_new']\nendpoints = ['/other']\n",
    )
    one, two = load(workdir)
    assert '"disconected" is no known alert type; did you mean "disconnected"?' in one
    assert 'there is no endpoint "/other"' in two


def test_settings_that_do_nothing_are_warned_about(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + "[[plugin]]\nuse = 'log'\nmemory = '64MiB'\n")
    (one,) = load(workdir)
    assert 'add isolation = "process"' in one
    write("incm-webhook.toml", SIGNED + "ack = 'processed'\n")
    assert any("waits for plugins, and there is none" in one for one in load(workdir))
