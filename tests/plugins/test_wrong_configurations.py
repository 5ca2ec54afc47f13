"""Wrong configurations of the bundled plugins: what they say, at `check` and at the start."""

import tomllib
from pathlib import Path

import pytest

from incm_webhook.cli import main
from incm_webhook.errors import PluginError
from incm_webhook.testing import run_plugin

NO_URL = 'wants a URL such as "https://example.com/path"'
MAIL = 'host = "192.0.2.7"\nfrom = "a@example.com"\nto = ["b@example.com"]\n'
CASES = [
    ("alertmanager", "urls = []", "config urls: must not be empty"),
    ("alertmanager", 'urls = ["ftp://192.0.2.7"]', f"config urls[1]: {NO_URL}"),
    ("alertmanager", 'urls = ["http://192.0.2.7"]\npassword = "k7Zq"', "has a password, and no"),
    ("apprise", "urls = []", "config urls: must not be empty"),
    (
        "apprise",
        'urls = ["k7Zq://192.0.2.7"]',
        "urls[1]: Apprise does not know this URL of the kind",
    ),
    ("discord", 'url = "k7Zq"', f"config url: {NO_URL}"),
    ("discord", 'url = "ftp://192.0.2.7/k7Zq"', f"config url: {NO_URL}"),
    ("email", f'{MAIL}password = "k7Zq"', "wants both username and password, or neither"),
    ("email", f'{MAIL}username = "alerts"', "wants both username and password, or neither"),
    (
        "email",
        f'{MAIL}security = "none"\nusername = "alerts"\npassword = "k7Zq"',
        'would send the password without encryption to 192.0.2.7: set security = "starttls" or',
    ),
    (
        "email",
        f'{MAIL}ca_file = "missing.pem"',
        "config ca_file: cannot use missing.pem: [Errno 2]",
    ),
    ("exec", "command = []", "config command: must not be empty"),
    ("http", 'url = "http://192.0.2.7:99999/k7Zq"', f"config url: {NO_URL}"),
    ("http", 'url = "http://k7Zq 192.0.2.7/"', f"config url: {NO_URL}"),
    (
        "http",
        'url = "http://x"\nidempotency_header = "a b"',
        "idempotency_header: wants a text that",
    ),
    ("im", 'service = "feishu"\nurl = "k7Zq"', f"config url: {NO_URL}"),
    ("jsonl", "path = 7", "config path: wants a path in quotes"),
    ("pagerduty", 'routing_key = "k7Zq"', "config routing_key: wants the 32 characters of an"),
    ("pagerduty", f'routing_key = "{"k7Zq" * 8}"\nurl = "events"', f"config url: {NO_URL}"),
    ("slack", 'url = "k7Zq"', f"config url: {NO_URL}"),
    ("slack", 'token = "k7Zq"\nchannel = "C1"\napi = "slack"', f"config api: {NO_URL}"),
    ("sql", 'url = "postgresql://u:k7Zq@h:port/d"', "it is not a URL such as postgresql://"),
    ("syslog", 'host = "h"\nca_file = "a.pem"', 'need transport = "tls"'),
    (
        "syslog",
        'host = "h"\ntransport = "tls"\nprivate_key_file = "a.pem"',
        "has a private_key_file, and no certificate_file",
    ),
    (
        "syslog",
        'host = "h"\ntransport = "tls"\nca_file = "missing.pem"',
        "config ca_file: cannot use missing.pem: [Errno 2]",
    ),
    (
        "syslog",
        'host = "h"\ntransport = "tls"\ncertificate_file = "missing.pem"',
        "config certificate_file: cannot use missing.pem with the key in missing.pem: [Errno 2]",
    ),
    ("teams", 'url = "k7Zq"', f"config url: {NO_URL}"),
    ("telegram", 'token = "k7Zq"\nchat = 1', "config token: wants the token that @BotFather gave"),
    ("telegram", 'token = "1:k7Zq"\nchat = 1.5', "config chat: wants the id of a chat, such as"),
    ("telegram", 'token = "1:k7Zq"\nchat = true', "config chat: wants the id of a chat, such as"),
]


@pytest.mark.parametrize(("use", "config", "sentence"), CASES)
def test_a_wrong_configuration_is_one_sentence_without_the_secret(
    use: str, config: str, sentence: str, workdir: Path
) -> None:
    del workdir  # the working directory of the test, where no file of a case exists
    if use in ("apprise", "sql"):
        pytest.importorskip({"sql": "sqlalchemy"}.get(use, use), reason="its library is missing")
    with pytest.raises(PluginError) as caught:
        run_plugin(use, config=tomllib.loads(config))
    message = str(caught.value)
    assert sentence in message
    assert message.count("config") == 1, "it says one thing"
    assert "k7Zq" not in message.replace("k7Zq://", "")


def test_check_and_start_name_file_table_line_and_key(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "incm-webhook.toml").write_text(
        '[server]\nlisten = "127.0.0.1:0"\nadmin = "off"\n[[endpoint]]\nsecret_file = "secret"\n'
        '[[plugin]]\nuse = "teams"\nname = "one"\n[plugin.config]\nurl = "k7Zq"\n'
        '[[plugin]]\nuse = "telegram"\nname = "two"\n[plugin.config]\ntoken = "k7Zq"\nchat = 1\n'
    )
    file = workdir / "incm-webhook.toml"
    places = [
        f'plugin "one": config url: {NO_URL} ([[plugin]] 1 "one" of {file}, line 10)',
        'plugin "two": config token: wants the token that @BotFather gave',
        f'([[plugin]] 2 "two" of {file}, line 15)',
    ]
    assert main(["check"]) == 4
    err = capsys.readouterr().err
    assert all(place in err for place in places), err
    assert main(["serve"]) == 4
    assert places[0] in capsys.readouterr().err
