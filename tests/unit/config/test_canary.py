"""`[canary]` and `silent_after` in the configuration."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import ConfigError
from incm_webhook.cli.program import main
from incm_webhook.config.loading import Settings, load_settings

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'


def load(workdir: Path, write: Write, text: str) -> Settings:
    write("incm-webhook.toml", text)
    return load_settings({}, {}, workdir)


def test_no_canary_is_sent_unless_it_is_asked_for(workdir: Path, write: Write) -> None:
    settings = load(workdir, write, SIGNED)
    assert settings.canary.every is None
    assert settings.canary.overdue_after == 0
    assert settings.endpoint[0].silent_after is None


def test_one_canary_that_is_lost_does_not_make_it_overdue(workdir: Path, write: Write) -> None:
    canary = 'every = "5m"\nurl = "https://alerts.example.com/hook"\nca_file = "ca.pem"\n'
    settings = load(workdir, write, f"[canary]\n{canary}{SIGNED}silent_after = '6h'\n")
    assert settings.canary.overdue_after == 2 * 300 + 3 * 10
    assert settings.canary.ca_file == workdir / "ca.pem"
    assert settings.endpoint[0].silent_after == 6 * 3600
    assert not any("canary" in one for one in settings.warnings)


def test_a_canary_without_a_url_is_warned_about(workdir: Path, write: Write) -> None:
    settings = load(workdir, write, f'[canary]\nevery = "5m"\n{SIGNED}')
    assert any("notices nothing of proxy, TLS and DNS" in one for one in settings.warnings)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('every = "0s"', "longer than 0"),
        ('every = "500ms"', "every"),
        ('every = "5m"\noverdue = "5m"', "overdue is not longer than every"),
        ('every = "5m"\nurl = "ftp://a/b"', "wants a URL"),
        ('every = "5m"\nurl = "https://u:p4ss@a/b"', "without name, password"),
        ('every = "5m"\nurl = "https://a/b?t=1"', "without name, password"),
        ('every = "5m"\nendpoint = "/other"', "is the path of no [[endpoint]]: /webhook"),
        ('evry = "5m"', 'did you mean "every"'),
    ],
)
def test_a_mistake_is_explained(workdir: Path, write: Write, table: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(workdir, write, f"[canary]\n{table}\n{SIGNED}")
    assert expected in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_tls_of_the_listener_itself_needs_the_url_of_its_certificate(
    workdir: Path, write: Write
) -> None:
    tls = '[server]\ntls = { certificate_file = "c.pem", private_key_file = "k.pem" }\n'
    with pytest.raises(ConfigError, match="a certificate is for a name"):
        load(workdir, write, f'{tls}[canary]\nevery = "5m"\n{SIGNED}')


@pytest.mark.parametrize(
    ("types", "warned"),
    [
        (['["incm_webhook.*"]'], True),
        (['["*", "incm_webhook.dead_letters"]', '["reboot"]'], True),
        (['["incm_webhook.*"]', '["incm_webhook.*"]'], False),
        (['["incm_webhook.canary"]'], False),
        (['["reboot"]'], False),
    ],
)
def test_a_plugin_that_alone_hears_about_trouble_is_warned_about(
    workdir: Path, write: Write, types: list[str], warned: bool
) -> None:
    plugins = "".join(
        f'[[plugin]]\nuse = "log"\nname = "p{number}"\ntypes = {one}\n'
        for number, one in enumerate(types)
    )
    settings = load(workdir, write, SIGNED + plugins)
    assert any("none about itself" in one for one in settings.warnings) == warned


@pytest.mark.parametrize(
    ("pattern", "warned"),
    [("incm_webhook*", True), ("incm*", True), ("incm_webhook.*", False), ("*", False)],
)
def test_a_pattern_that_only_seems_to_name_the_server_s_alerts_is_warned_about(
    workdir: Path, write: Write, pattern: str, warned: bool
) -> None:
    plugin = f'[[plugin]]\nuse = "log"\ntypes = ["{pattern}"]\n'
    settings = load(workdir, write, SIGNED + plugin)
    assert any('write "incm_webhook.*"' in one for one in settings.warnings) == warned


def test_a_misspelt_type_of_the_server_is_warned_about(workdir: Path, write: Write) -> None:
    plugin = '[[plugin]]\nuse = "log"\ntypes = ["incm_webhook.dead_leters"]\n'
    settings = load(workdir, write, SIGNED + plugin)
    assert any('did you mean "incm_webhook.dead_letters"' in one for one in settings.warnings)


def test_a_command_that_serves_no_endpoint_reads_the_file_too(workdir: Path, write: Write) -> None:
    endpoint = '[[endpoint]]\npath = "/hq"\nsecret_file = "secret"\n'
    write("incm-webhook.toml", f'[canary]\nevery = "5m"\nendpoint = "/hq"\n{endpoint}')
    assert load_settings({}, {}, workdir, endpoints=False).canary.every == 300


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), ("no certificate", "it has no certificate in PEM")],
)
def test_check_finds_an_authority_that_cannot_be_read(
    workdir: Path,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    why: str,
) -> None:
    if content is not None:
        write("ca.pem", content)
    canary = 'every = "5m"\nurl = "https://alerts.example.com/hook"\nca_file = "ca.pem"\n'
    write("incm-webhook.toml", f"[canary]\n{canary}{SIGNED}")
    monkeypatch.chdir(workdir)
    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert f"{workdir}/incm-webhook.toml:4: [canary] ca_file {workdir}/ca.pem: {why}" in err
