import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import incm_webhook
from incm_webhook import ConfigError
from incm_webhook.config.loading import load_settings
from incm_webhook.config.overrides import unknown_variables

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'


def load(workdir: Path, environ: dict[str, str] | None = None, **overrides: Any) -> list[str]:
    return load_settings(overrides, environ or {}, workdir).warnings


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
        "configure TLS, or put a proxy in front",
        "anyone who reaches it can read all alerts, and replay or drop them",
        'metrics = "0.0.0.0:9465"',
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
    assert '"disconected" is not a known alert type; did you mean "disconnected"?' in one
    assert 'there is no endpoint "/other"' in two


def test_settings_that_do_nothing_are_warned_about(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + "[[plugin]]\nuse = 'log'\nmemory = '64MiB'\n")
    (one,) = load(workdir)
    assert 'add isolation = "process"' in one
    write("incm-webhook.toml", SIGNED + "ack = 'processed'\n")
    assert any("waits for plugins, but there are none" in one for one in load(workdir))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("status = ['actve']", 'status: "actve" is not a known status; did you mean "active"?'),
        ("status = ['open']", 'status: "open" is not a known status; known are active, closed'),
        ("status = ['x*']", '"x*" is not a known status'),
        ("types = ['Disconnected']", 'did you mean "disconnected"?'),
        ("orgs = [' Nordwind']", 'orgs: " Nordwind" begins or ends with a space'),
        ("groups = ['Halle 3 ']", 'groups: "Halle 3 " begins or ends with a space'),
    ],
)
def test_a_filter_that_is_misspelt_is_warned_about(
    workdir: Path, write: Write, line: str, words: str
) -> None:
    write("incm-webhook.toml", SIGNED + f"[[plugin]]\nuse = 'log'\n{line}\n")
    (one,) = load(workdir)
    assert words in one


def test_filters_that_match_what_there_is_are_not_warned_about(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        SIGNED + "[[plugin]]\nuse = 'log'\nstatus = ['Active', 'clos*', '*']\n"
        "orgs = ['Nordwind Logistik']\n",
    )
    assert load(workdir) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbfs3cr3t", "begins with a byte order mark"),
        (b'"s3cr3t"', "is in quotes"),
        (b"'s3cr3t'\n", "is in quotes"),
        (b"s3cr3t\n\n", "ends with a space or another line end"),
        (b"s3cr3t ", "ends with a space or another line end"),
        (b"\ts3cr3t", "begins with a space or a line end"),
        (b"s3cr3t\nother\n", "holds several lines"),
        (b"s\0e\0c\0", "as UTF-16 text does"),
        (
            b"\xef\xbb\xbf 's3cr3t'",
            "begins with a byte order mark and begins with a space or a line ",
        ),
    ],
)
def test_a_secret_that_an_editor_or_shell_has_spoilt_is_warned_about(
    workdir: Path, content: bytes, words: str
) -> None:
    (workdir / "secret").write_bytes(content)
    settings = load_settings({"secret_file": "secret", "plugin": ("log",)}, {}, workdir)
    (one,) = settings.warnings
    assert f"endpoint /webhook: the secret file {workdir}/secret" in one
    assert words in one
    assert "all of that is used as the secret" in one
    assert "s3cr3t" not in one
    assert settings.endpoint[0].secrets[0].reveal() == content.removesuffix(b"\n")


def test_a_good_secret_is_not_warned_about(workdir: Path, write: Write) -> None:
    for content in (
        b"token",
        b"token\n",
        b"token\r\n",
        b"to'ken",
        b'"',
        b"a b",
        "t\u00f6ken".encode(),
    ):
        (workdir / "secret").write_bytes(content)
        assert load(workdir, secret_file="secret", plugin=("log",)) == []


def test_a_secret_of_a_variable_is_looked_at_too(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", "[[endpoint]]\nsecret = {env = 'TOKEN'}\n[[plugin]]\nuse = 'log'\n")
    (one,) = load(workdir, {"TOKEN": "'quoted'"})
    assert "the secret in the variable TOKEN is in quotes" in one
    assert "quoted'" not in one


def test_the_same_secret_twice_is_warned_about(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        "[[endpoint]]\nsecret_file = ['secret', './secret']\n[[plugin]]\nuse = 'log'\n",
    )
    (one,) = load(workdir)
    assert "holds the same secret as one before it" in one


def test_an_unknown_variable_names_the_nearest(workdir: Path) -> None:
    known = {"secret_file": "secret", "plugin": ("log",)}
    (one,) = load(workdir, {"INCM_WEBHOOK_LISTN": "127.0.0.1:1"}, **known)
    assert one == (
        "the environment variable INCM_WEBHOOK_LISTN is not known and has no effect; did you mean "
        '"INCM_WEBHOOK_LISTEN"?'
    )
    (one,) = load(workdir, {"INCM_WEBHOOK_PORT": "8080"}, **known)
    assert "INCM_WEBHOOK_PORT is not known" in one


def test_an_unknown_variable_is_named_when_something_misses_it(workdir: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(workdir, {"INCM_WEBHOOK_SECRETFILE": "secret"})
    assert 'did you mean "INCM_WEBHOOK_SECRET_FILE"?' in str(caught.value)


def test_variables_that_are_not_meant_for_the_operator_are_not_warned_about(
    workdir: Path, write: Write
) -> None:
    kubernetes = {
        "INCM_WEBHOOK_SERVICE_HOST": "10.0.0.1",
        "INCM_WEBHOOK_SERVICE_PORT": "8080",
        "INCM_WEBHOOK_SERVICE_PORT_HTTP": "8080",
        "INCM_WEBHOOK_PORT": "tcp://10.0.0.1:8080",
        "INCM_WEBHOOK_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "INCM_WEBHOOK_PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    ours = {"INCM_WEBHOOK_SUPERVISOR": "1", "INCM_WEBHOOK_TAKEOVER": "1", "INCM_WEBHOOK_DEBUG": "1"}
    write(
        "incm-webhook.toml",
        "[[endpoint]]\nsecret = [{env = 'INCM_WEBHOOK_TOKEN'}]\n[[plugin]]\nuse = 'log'\n",
    )
    assert load(workdir, {**kubernetes, **ours, "INCM_WEBHOOK_TOKEN": "t"}) == []


def test_each_variable_that_the_program_reads_is_known() -> None:
    package = Path(incm_webhook.__file__).parent
    sources = "".join(path.read_text() for path in package.rglob("*.py"))
    for name in set(re.findall(r"(?<!_)INCM_WEBHOOK_[A-Z_]*[A-Z]", sources)):
        assert unknown_variables({name: "x"}, {}) == [], name


def test_numbers_that_are_hardly_meant_are_warned_about(workdir: Path, write: Write) -> None:
    plugin = "[[plugin]]\nuse = 'log'\n"
    write("incm-webhook.toml", f"[inbox]\nretention = 90\n{SIGNED}{plugin}")
    (one,) = load(workdir)
    assert "[inbox] retention: alerts are deleted 90s after they were delivered" in one
    assert 'days are written "90d"' in one
    write("incm-webhook.toml", f"{SIGNED}{plugin}retry = {{ first = '10m', max = '1s' }}\n")
    (one,) = load(workdir)
    file = workdir / "incm-webhook.toml"
    assert one == (
        f"plugin log: retry: first (10m) is longer than max (1s), so max applies ({file}, line 5)"
    )
