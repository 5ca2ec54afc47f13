from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import ConfigError
from incm_webhook._core import ClientRules
from incm_webhook.config.loading import Settings, load_settings

Write = Callable[[str, str], Path]
SIGNED = '[[endpoint]]\nsecret_file = "secret"\n'


def load(workdir: Path, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    return load_settings(overrides, environ or {}, workdir)


def error(workdir: Path, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(workdir, environ, **overrides)
    text = str(caught.value)
    assert "pydantic" not in text
    assert "Traceback" not in text
    assert "For further information" not in text
    return text


def test_defaults(workdir: Path) -> None:
    settings = load(workdir, secret_file="secret")
    assert settings.server.listen == "127.0.0.1:8080"
    assert settings.server.admin == "127.0.0.1:9464"
    assert settings.server.max_body == 1024**2
    assert settings.server.workers == 256
    assert settings.server.max_connections == 16384
    assert settings.server.header_timeout == 10
    assert settings.server.body_timeout == 30
    assert settings.server.grace == 10
    assert settings.inbox.path == workdir / "inbox.db"
    assert [one.path for one in settings.endpoint] == ["/webhook"]
    assert settings.endpoint[0].secrets[0].reveal() == b"topsecret"
    assert settings.source is None


def test_networks_are_spelled_as_the_core_reads_them(workdir: Path, write: Write) -> None:
    written = "'10.0.0.0/255.0.0.0', '192.0.2.7', '2001:DB8:0::/32', '::1'"
    write("incm-webhook.toml", f"[server]\nallow = [{written}]\n{SIGNED}")
    allow = load(workdir).server.allow
    assert allow == ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128")
    ClientRules(allow=allow)


def test_reads_a_whole_file(workdir: Path, write: Write) -> None:
    write(
        "etc/site.toml",
        """
        [server]
        listen = "[::1]:0"
        admin = "off"
        ready_file = "ready.json"
        max_body = "64KiB"
        max_connections = 12
        header_timeout = "2s"
        body_timeout = "1m"
        grace = "3s"
        [inbox]
        url = "sqlite:var/inbox.db"
        [[endpoint]]
        path = "/a"
        secret_file = ["new", "old"]
        [[endpoint]]
        path = "/b"
        secret = [{ env = "TOKEN" }, { file = "old" }]
        ack = "stored"
        [[endpoint]]
        path = "/c"
        unsigned = true
        [[plugin]]
        use = "jsonl"
        name = "audit"
        types = "disconnected"
        priority = [1, 2]
        config = { path = "alerts.jsonl" }
        timeout = "5s"
        retry = { first = "2s", give_up = "1h" }
        concurrency = 8
        order = "none"
        isolation = "thread"
        [[plugin]]
        use = "./sub/noc.py"
        [[plugin]]
        use = "pkg.mod:obj"
        """,
    )
    write("etc/new", "n")
    write("etc/old", "o\n")
    settings = load(workdir, {"TOKEN": "t"}, config="etc/site.toml")
    assert settings.source == workdir / "etc/site.toml"
    assert settings.base == workdir / "etc"
    assert settings.server.listen == "[::1]:0"
    assert settings.server.admin is None
    assert settings.server.ready_file == workdir / "etc/ready.json"
    assert settings.server.max_body == 65536
    assert settings.server.header_timeout == 2
    assert settings.server.body_timeout == 60
    assert settings.server.grace == 3
    assert settings.inbox.path == workdir / "etc/var/inbox.db"
    revealed = [[one.reveal() for one in each.secrets] for each in settings.endpoint]
    assert revealed == [[b"n", b"o"], [b"t", b"o"], []]
    audit, noc, third = settings.plugin
    assert (audit.name, audit.types, audit.priority) == ("audit", ("disconnected",), (1, 2))
    assert (audit.timeout, audit.concurrency, audit.config) == (5, 8, {"path": "alerts.jsonl"})
    assert (audit.retry.first, audit.retry.factor, audit.retry.give_up) == (2, 2, 3600)
    assert (noc.use, noc.name) == (str(workdir / "etc/sub/noc.py"), "noc")
    assert (third.use, third.name) == ("pkg.mod:obj", "obj")


def test_the_file_in_the_working_directory_is_found(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + '[server]\nlisten = "127.0.0.1:1"\n')
    assert load(workdir).server.listen == "127.0.0.1:1"


def test_flag_over_environment_over_file_over_default(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + '[server]\nlisten = "127.0.0.1:1"\n')
    environ = {"INCM_WEBHOOK_LISTEN": "127.0.0.1:2"}
    assert load(workdir, environ).server.listen == "127.0.0.1:2"
    assert load(workdir, environ, listen="127.0.0.1:3").server.listen == "127.0.0.1:3"
    assert load(workdir, {"INCM_WEBHOOK_LISTEN": ""}).server.listen == "127.0.0.1:1"


def test_every_flag_has_a_variable(workdir: Path, write: Write) -> None:
    write("c/x.toml", "")
    settings = load(
        workdir,
        {
            "INCM_WEBHOOK_CONFIG": "c/x.toml",
            "INCM_WEBHOOK_LISTEN": "127.0.0.1:5",
            "INCM_WEBHOOK_PATH": "/p",
            "INCM_WEBHOOK_SECRET_FILE": "secret",
            "INCM_WEBHOOK_INBOX": "sqlite:i.db",
            "INCM_WEBHOOK_PLUGIN": "log  ./x.py",
            "INCM_WEBHOOK_ADMIN": "off",
            "INCM_WEBHOOK_READY_FILE": "r.json",
        },
    )
    assert settings.source == workdir / "c/x.toml"
    assert settings.server.listen == "127.0.0.1:5"
    assert settings.server.admin is None
    assert settings.server.ready_file == workdir / "r.json"
    assert settings.inbox.path == workdir / "i.db"
    assert settings.endpoint[0].path == "/p"
    assert settings.endpoint[0].secrets[0].reveal() == b"topsecret"
    assert [one.use for one in settings.plugin] == ["log", str(workdir / "x.py")]
    assert load(workdir, {"INCM_WEBHOOK_UNSIGNED": "true"}).endpoint[0].unsigned
    assert "wants true or false" in error(workdir, {"INCM_WEBHOOK_UNSIGNED": "maybe"})


def test_plugins_of_flags_replace_those_of_the_file(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED + '[[plugin]]\nuse = "jsonl"\n')
    assert [one.use for one in load(workdir, plugin=()).plugin] == ["jsonl"]
    assert [one.use for one in load(workdir, plugin=("log",)).plugin] == ["log"]


def test_all_errors_of_a_file_come_at_once_each_with_its_place(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        """
        servr = 1
        [server]
        listen = "nowhere"
        max_body = "10 bananas"
        [[endpoint]]
        path = "/a"
        unsigned = true
        pth = "/b"
        [[plugin]]
        use = "log"
        [[plugin]]
        use = "jsonl"
        name = "audit"
        retrys = 1
        retry = { frist = "1s", max = -1 }
        types = [1]
        bogus = 1
        """,
    )
    text = error(workdir)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == f"{workdir}/incm-webhook.toml: 9 errors:"
    assert 'line 2: unknown key "servr"; did you mean "server"?' in lines
    wanted = "wants HOST:PORT such as \"127.0.0.1:8080\", not 'nowhere'"
    assert f"line 4: [server] listen: {wanted}" in lines
    assert any(line.startswith("line 5: [server] max_body: wants a size such") for line in lines)
    assert 'line 9: [[endpoint]] 1 "/a": unknown key "pth"; did you mean "path"?' in lines
    assert any('unknown key "bogus"; known are breaker, ' in line for line in lines)
    second = '[[plugin]] 2 "audit"'
    assert f'line 15: {second}: unknown key "retrys"; did you mean "retry"?' in lines
    assert f'line 16: {second} retry: unknown key "frist"; did you mean "first"?' in lines
    assert any(line.startswith(f"line 16: {second} retry.max: wants a") for line in lines)
    assert f"line 17: {second} types[1]: wants a text in quotes" in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server\n", "is not TOML"),
        ("listen = " + "9" * 5000, "is not TOML"),
        ("listen = " + "[" * 20000, "is nested too deeply"),
        ("[server]\ntls = { certificate_file = 'c' }\n", "tls.private_key_file: is required"),
        ("[server]\ntls = 'c'\n", "[server] tls: wants a table"),
        ("[server]\nallow = ['10.0.0.0/33']\n", "wants addresses and networks"),
        ("[server]\nallow = ['fe80::1%eth0']\n", "wants addresses and networks"),
        ("[server]\nproxy_protocol = true\n", "without trusted_proxies"),
        ("[[endpoint]]\nunsigned = true\nrate = 'fast'\n", "wants a rate such as"),
        ('[inbox]\nretention = "0s"\n', "retention: wants a duration longer than 0"),
        ('[inbox]\nretention = "on"\n', "retention: wants a duration such as"),
        ('[inbox]\nreserve = "half"\n', "reserve: wants a size such as"),
        ('[[endpoint]]\nunsigned = true\nack = "later"\n', "ack: wants 'stored' or 'processed'"),
        ('[[endpoint]]\nunsigned = true\nack_timeout = "2h"\n', "wants at most 3600"),
        ('[[plugin]]\nuse = "log"\norder = "random"\n', "order: wants 'none' or 'device'"),
        ('[[plugin]]\nuse = "log"\nisolation = "vm"\n', "wants 'thread' or 'process'"),
        ('[[plugin]]\nuse = "log"\nrate = "10"\n', 'rate: wants a rate such as "10/s"'),
        ('[[plugin]]\nuse = "log"\nrate = "0/s"\n', 'rate: wants a rate such as "10/s"'),
        ('[[plugin]]\nuse = "log"\nbreaker = -1\n', "breaker: wants at least 0"),
        ('[[plugin]]\nuse = "log"\nmemory = "1MiB"\n', "memory: wants at least 16777216"),
        ("server = 1\n", "must be a table: write [server]"),
        ("[plugin]\nuse = 'log'\n", "write [[plugin]] above each"),
        ("endpoint = [1]\n", "write [[endpoint]] above each"),
        ('[inbox]\nurl = "postgres://host/db"\n', '"postgres:" is not supported in this version'),
        ('[inbox]\nurl = "sqlite:"\n', "names no file"),
        ('[inbox]\nurl = "sqlite::memory:"\n', "in memory would lose alerts"),
        ('[inbox]\nurl = "sqlite://host/x"\n', "needs three slashes"),
        ("[inbox]\nurl = 3\n", "[inbox] url: wants a text"),
        ("[[plugin]]\nname = 'x'\n", '[[plugin]] 1 "x" use: is required'),
        ("[[plugin]]\nuse = 'log'\nname = 'a b'\n", "wants 1 to 64 letters"),
        ("[[plugin]]\nuse = 'log'\nconcurrency = 0\n", "concurrency: wants at least 1"),
        ("[[plugin]]\nuse = 'log'\nconcurrency = 257\n", "concurrency: wants at most 256"),
        ("[[plugin]]\nuse = 'log'\ntimeout = 0\n", "wants a duration longer than 0"),
        ("[[plugin]]\nuse = 'log'\nconfig = 3\n", "config: wants a table"),
        ("[[plugin]]\nuse = 'log'\npriority = ['1']\n", "priority[1]: wants a whole number"),
        ("[[plugin]]\nuse = 'log'\n[[plugin]]\nuse = 'log'\n", 'name "log" is used'),
        ("[server]\nworkers = 4097\n", "wants at most 4096"),
        ("[server]\nmax_connections = true\n", "wants a whole number"),
        ("[server]\nlisten = '127.0.0.1:70000'\n", "wants HOST:PORT"),
        ("[server]\nlisten = '::1:80'\n", "in brackets"),
        ("[server]\nlisten = ':80'\n", "wants HOST:PORT"),
        ("[server]\nlisten = 'a..b:80'\n", "wants HOST:PORT"),
        ("[server]\nlisten = '[::g]:80'\n", "wants HOST:PORT"),
        ('[server]\nadmin = "a\\u0000:80"\n', "wants HOST:PORT"),
        ("[server]\nadmin = 'on'\n", "[server] admin: wants HOST:PORT"),
        ("[server]\nmetrics = '9465'\n", "[server] metrics: wants HOST:PORT"),
        ("[server]\nmetrics = '0.0.0.0:8080'\n", "and metrics (0.0.0.0:8080) want the same port"),
        ("[server]\nadmin_hosts = ['a:80']\n", "wants names of hosts, without a port"),
        ("[server]\nadmin_hosts = [3]\n", "wants names of hosts, without a port"),
        ("[[endpoint]]\npath = 'x'\nunsigned = true\n", 'begins with "/"'),
        ("[[endpoint]]\npath = '/x?y'\nunsigned = true\n", 'without "?"'),
        ("[[endpoint]]\npath = '/x y'\nunsigned = true\n", "must not contain spaces"),
        ("[[endpoint]]\nunsigned = 'yes'\n", "unsigned: wants true or false"),
        ("[[endpoint]]\nunsigned = true\n[[endpoint]]\nunsigned = true\n", '"/webhook" is used'),
        ("[[endpoint]]\nsecret = 3\n", "secret: wants { file ="),
        ("[[endpoint]]\nsecret = ''\n", "secret: wants { file ="),
        ("[[endpoint]]\nsecret = { vault = 'x' }\n", "secret: wants { file ="),
        ("[[endpoint]]\nsecret = { env = 'NOT_SET' }\n", "variable NOT_SET is not set"),
        ("[[endpoint]]\nsecret_file = 'nowhere'\n", "nowhere: no such file"),
    ],
)
def test_a_wrong_file_is_described_in_a_sentence(
    workdir: Path, write: Write, text: str, message: str
) -> None:
    write("incm-webhook.toml", text)
    refusal = error(workdir)
    assert message in refusal
    assert str(workdir / "incm-webhook.toml") in refusal


def test_a_file_that_cannot_be_read(workdir: Path) -> None:
    assert "no such file" in error(workdir, config="nowhere.toml")
    assert "is a directory" in error(workdir, config=".")
    (workdir / "latin.toml").write_bytes(b"# \xe9\n")
    refusal = error(workdir, config="latin.toml")
    assert "is not UTF-8" in refusal
    assert "TOML" not in refusal.replace("latin.toml", "")


def test_neither_secret_nor_unsigned_explains_both(workdir: Path) -> None:
    text = error(workdir)
    for word in ("--secret-file", "--unsigned", "secret_file", "unsigned = true"):
        assert word in text


def test_both_secret_and_unsigned_is_an_error(workdir: Path, write: Write) -> None:
    both = "has a secret and is unsigned"
    assert both in error(workdir, secret_file="secret", unsigned=True)
    write("incm-webhook.toml", SIGNED)
    assert both in error(workdir, unsigned=True)
    write("incm-webhook.toml", SIGNED + "unsigned = true\n")
    assert both in error(workdir)


def test_what_ranks_higher_may_sign_an_unsigned_endpoint(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", "[[endpoint]]\nunsigned = true\n")
    assert not load(workdir, secret_file="secret").endpoint[0].unsigned
    environ = {"INCM_WEBHOOK_UNSIGNED": "1"}
    assert not load(workdir, environ, secret_file="secret").endpoint[0].unsigned


def test_endpoint_flags_want_one_endpoint(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", SIGNED)
    assert load(workdir, path="/other").endpoint[0].path == "/other"
    write("incm-webhook.toml", SIGNED + "[[endpoint]]\npath = '/b'\nunsigned = true\n")
    assert "--path can apply to one endpoint only" in error(workdir, path="/other")


def test_an_error_of_a_flag_or_variable_names_it(workdir: Path) -> None:
    assert error(workdir, secret_file="secret", listen="x").startswith("--listen: wants")
    environ = {"INCM_WEBHOOK_ADMIN": "x", "INCM_WEBHOOK_UNSIGNED": "1"}
    assert error(workdir, environ).startswith("INCM_WEBHOOK_ADMIN: wants")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///abs/x.db", "/abs/x.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("sqlite:/abs/x.db", "/abs/x.db"),
        ("sqlite:rel.db", "{base}/rel.db"),
        ("sqlite:./rel.db", "{base}/rel.db"),
        ("rel.db", "{base}/rel.db"),
        ("/abs/x.db", "/abs/x.db"),
    ],
)
def test_inbox_urls(workdir: Path, write: Write, url: str, path: str) -> None:
    write("etc/c.toml", f"{SIGNED}[inbox]\nurl = '{url}'\n")
    write("etc/secret", "s")
    settings = load(workdir, config="etc/c.toml")
    assert settings.inbox.path == Path(path.format(base=workdir / "etc"))
    flagged = load(workdir, config="etc/c.toml", inbox=url)
    assert flagged.inbox.path == Path(path.format(base=workdir))


def test_the_inbox_goes_where_systemd_says(workdir: Path) -> None:
    settings = load(workdir, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, unsigned=True)
    assert settings.inbox.path == Path("/var/lib/a/inbox.db")


def test_no_secret_in_errors_or_repr(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", "[[endpoint]]\nsecret = 'hunter2'\n")
    assert "hunter2" not in repr(load(workdir))
    write("incm-webhook.toml", "[[endpoint]]\nsecret = ['hunter2', 7]\nunsigned = 'hunter2'\n")
    assert "hunter2" not in error(workdir)
    write("incm-webhook.toml", f"[[endpoint]]\nsecret = '{'hunter2' * 1000}'\n")
    assert "hunter2" not in error(workdir)


def test_settings_are_frozen_and_comparable(workdir: Path) -> None:
    first = load(workdir, secret_file="secret")
    assert first == load(workdir, secret_file="secret")
    (workdir / "secret").write_text("another")
    assert first != load(workdir, secret_file="secret")
    with pytest.raises(ValueError, match="frozen"):
        first.server.listen = "x"  # type: ignore[misc]


def test_a_byte_order_mark_in_front_of_the_file_is_left_out(workdir: Path) -> None:
    (workdir / "bom.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nlisten = '127.0.0.1:1'\r\n")
    assert load(workdir, config="bom.toml", unsigned=True).server.listen == "127.0.0.1:1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_gets_a_sentence(workdir: Path, encoding: str) -> None:
    (workdir / "wide.toml").write_bytes("[server]\n".encode(encoding))
    assert "wide.toml: is UTF-16 text, as Windows programs write it: save it as UTF-8" in error(
        workdir, config="wide.toml"
    )


@pytest.mark.parametrize("key", ["Listen", "LISTEN"])
def test_a_key_in_the_wrong_case_names_the_right_one(workdir: Path, write: Write, key: str) -> None:
    write("incm-webhook.toml", f"[server]\n{key} = '127.0.0.1:1'\n" + SIGNED)
    assert f'unknown key "{key}"; did you mean "listen"?' in error(workdir)
    write("incm-webhook.toml", "[Server]\n" + SIGNED)
    assert 'unknown key "Server"; did you mean "server"?' in error(workdir)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[endpoint]\nsecret_file = 'secret'\n", ["write [[endpoint]] above each"]),
        ("[[endpoints]]\nsecret_file = 'secret'\n", ['unknown key "endpoints"; did you mean']),
        ("[Endpoint]\nsecret_file = 'secret'\n", ['unknown key "Endpoint"; did you mean']),
    ],
)
def test_a_misspelt_table_of_endpoints_is_the_only_error(
    workdir: Path, write: Write, text: str, words: list[str]
) -> None:
    write("incm-webhook.toml", text)
    refusal = error(workdir)
    for word in words:
        assert word in refusal
    assert "has no secret" not in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen = 'x'\n", '"listen" belongs below [server]'),
        ("[[plugin]]\nuse = 'jsonl'\npath = 'x'\n", "own keys belong in config = { ... }"),
        ("[[plugin]]\nuse = ''\n", "[[plugin]] 1 use: must not be empty"),
        ("[[plugin]]\nuse = 'log'\ntypes = ['']\n", "types[1]: must not be empty"),
    ],
)
def test_what_is_wrong_has_a_way_out(workdir: Path, write: Write, text: str, words: str) -> None:
    write("incm-webhook.toml", text)
    refusal = error(workdir, secret_file="secret")
    assert words in refusal
    assert "\n" not in refusal


def test_the_error_for_a_url_as_an_address_names_what_to_leave_out(workdir: Path) -> None:
    refusal = error(workdir, unsigned=True, listen="http://0.0.0.0:8080")
    assert refusal.startswith('--listen: wants HOST:PORT alone, such as "127.0.0.1:8080", not ')


@pytest.mark.parametrize("host", ["224.0.0.1", "[ff02::1]", "255.255.255.255"])
@pytest.mark.parametrize("key", ["listen", "admin", "metrics"])
def test_an_address_that_nobody_can_connect_to_is_none_to_listen_on(
    workdir: Path, key: str, host: str
) -> None:
    (workdir / "group.toml").write_text(f'[server]\n{key} = "{host}:8081"\n')
    assert error(workdir, config="group.toml", unsigned=True) == (
        f"{workdir}/group.toml:2: [server] {key}: {host.strip('[]')} is a multicast or "
        "broadcast address, to which no client can connect: write an address of this machine, or "
        "0.0.0.0 for all of them"
    )


def test_ipv4_loopback_written_as_ipv6_is_loopback(workdir: Path) -> None:
    settings = load(workdir, unsigned=True, listen="[::ffff:127.0.0.1]:8080")
    assert not any("without TLS" in one for one in settings.warnings)
