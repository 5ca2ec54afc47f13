"""Configurations that are broken, each in one way.

The line with the mark `#!` is the one that `check` has to name. What a table does not have is
filled in by the test, so that only the mistake is wrong.
"""

from typing import NamedTuple


class Broken(NamedTuple):
    """One broken configuration.

    Attributes:
        name: what is wrong.
        text: the file.
        says: what the message says is wrong.
        way_out: what it says to do.
        status: the exit status of `check`.
    """

    name: str
    text: str
    says: str
    way_out: str
    status: int = 2


def server(name: str, line: str, says: str, way_out: str) -> Broken:
    return Broken(
        name,
        f"[server]\n# a comment\n{line}  #!\n",
        f"[server]{says if says.startswith(':') else ' ' + says}",
        way_out,
    )


def plugin(name: str, line: str, says: str, way_out: str) -> Broken:
    return Broken(name, f'[[plugin]]\nuse = "log"\n{line}  #!\n', says, way_out)


def endpoint(name: str, line: str, says: str, way_out: str) -> Broken:
    return Broken(name, f'[[endpoint]]\npath = "/a"\n{line}  #!\n', says, way_out)


TYPES_AND_RANGES = [
    server("a number as address", "listen = 8080", "listen: wants a text", '"127.0.0.1:8080"'),
    server("an address without port", 'listen = "0.0.0.0"', "listen: wants HOST:PORT", "such as"),
    server("a URL as address", 'listen = "http://x:1"', "listen: wants HOST:PORT alone", "such as"),
    server("IPv6 without brackets", 'listen = "::1:80"', "listen: wants HOST:PORT", "in brackets"),
    server("a port that is too high", 'listen = "127.0.0.1:70000"', "listen: wants", "such as"),
    server("a multicast address", 'listen = "224.0.0.1:80"', "listen: 224.0.0.1 is", "0.0.0.0"),
    server("a word for off", 'admin = "on"', "admin: wants HOST:PORT", "such as"),
    server("a health path without slash", 'health = "up"', "health: wants a text", '"/webhook"'),
    server("a text as number", 'workers = "4"', "workers: wants a whole number", "whole number"),
    server("too many threads", "workers = 5000", "workers: wants at most 4096", "at most"),
    server("no thread", "workers = 0", "workers: wants at least 1", "at least"),
    server("true as number", "max_connections = true", "max_connections: wants a", "whole number"),
    server("a size without number", 'max_body = "big"', "max_body: wants a size", '"1MiB"'),
    server("a size that is too large", 'max_body = "1GiB"', "max_body: wants at most", "at most"),
    server("a duration without unit", 'grace = "10"', "grace: wants a duration", '"10s"'),
    server("a negative duration", "body_timeout = -1", "body_timeout: wants a", '"500ms"'),
    server("no duration", "header_timeout = 0", "header_timeout: wants a", "longer than 0"),
    server("a duration above its limit", 'keep_alive = "2h"', "keep_alive: wants at most", "3600"),
    server("a text as switch", 'proxy_protocol = "no"', "proxy_protocol: wants true", "or false"),
    server(
        "a network with a host part", 'allow = ["10.0.0.1/8"]', "allow[1]: wants", '"192.0.2.7"'
    ),
    Broken("an unknown log level", '[log]\nlevel = "loud" #!\n', "level: wants debug", "warning"),
    Broken(
        "its former place", '[server]\nlog_level = "loud" #!\n', "level: wants debug", "warning"
    ),
    Broken("an unknown format", '[log]\nformat = "xml" #!\n', "format: wants", "'json'"),
    Broken("no logger", '[log]\nlevels = { "a b" = "info" } #!\n', "can be no logger", "such as"),
    server("a host name with port", 'admin_hosts = ["a:80"]', "admin_hosts", "without a port"),
    server(
        "half a certificate", 'tls = { certificate_file = "c" }', "tls.private_key_file", "is re"
    ),
    server("a certificate alone", 'tls = "cert.pem"', "tls: wants a table", "{ key = value }"),
]
TOKENS = [
    Broken(f"a token: {name}", f"[[admin_token]]{lines}\n", f"[[admin_token]] 1{says}", way_out)
    for name, lines, says, way_out in (
        ("no file", '\nname = "ops"\nfile = "nowhere" #!', ' "ops" file: cannot read', "nowhere"),
        ("no variable", '\nname = "ops"\nenv = "NOWHERE" #!', ' "ops" env: the env', "not set"),
        ("no source", ' #!\nname = "ops"', ' "ops": has neither', 'as file = "FILE"'),
        ("no role", '\nname = "a"\nenv = "X"\nrole = "root" #!', ' "a" role: wants', "'operate'"),
        ("a blank", '\nname = "o p" #!\nenv = "X"', ' "o p" name: wants', "letters, digits"),
    )
]
KEYS = [
    server("a misspelt key", "max_bdy = 1", ': unknown key "max_bdy"', 'did you mean "max_body"'),
    server("a key in capitals", 'LISTEN = "x"', ': unknown key "LISTEN"', 'did you mean "listen"'),
    server(
        "a key of another table", 'retention = "1d"', ': unknown key "retention"', "below [inbox]"
    ),
    Broken("a misspelt table", "[servr]  #!\n", 'unknown key "servr"', 'did you mean "server"?'),
    Broken(
        "a key above the tables", 'listen = "x:1"  #!\n', 'unknown key "listen"', "below [server]"
    ),
    Broken("a table as value", "server = 1  #!\n", "server: must be a table", "write [server]"),
    Broken("one pair of brackets", "[plugin]  #!\nuse = 'log'\n", "must be a list", "[[plugin]]"),
    Broken("no list of tables", "endpoint = [1]  #!\n", "must be a list", "write [[endpoint]]"),
    plugin("a misspelt key of a plugin", "retrys = 1", 'unknown key "retrys"', 'mean "retry"'),
    plugin(
        "a misspelt key of retry", 'retry = { frist = "1s" }', '"frist"', 'did you mean "first"'
    ),
    plugin("the plugin's own key outside", "fsync = true", 'unknown key "fsync"', "config = {"),
]
PLACES = [
    Broken(
        "one port for two listeners",
        '[server]\nlisten = "127.0.0.1:9464"  #!\n',
        "want the same port",
        "give each its own",
    ),
    Broken(
        "all addresses and one of them",
        '[server]\nadmin = "off"\nlisten = "0.0.0.0:8080" #!\nmetrics = "127.0.0.1:8080"\n',
        "listen (0.0.0.0:8080) and metrics (127.0.0.1:8080) want the same port",
        "give each its own",
    ),
    Broken(
        "a health check on an endpoint",
        '[server]\nhealth = "/webhook"  #!\n[[endpoint]]\nunsigned = true\n',
        "is the path of an endpoint",
        'health = "off"',
    ),
    server("headers of unknown proxies", "proxy_protocol = true", ": sets", "list the proxies"),
    Broken(
        "another database", '[inbox]\nurl = "mysql://h/d" #!\n', '"mysql:" is not', "supported is"
    ),
    Broken("no path", '[inbox]\nurl = "sqlite:" #!\n', "url: names no file", "sqlite:inbox.db"),
    Broken("memory", '[inbox]\nurl = "sqlite::memory:" #!\n', "would lose alerts", "supported is"),
    Broken("two slashes", '[inbox]\nurl = "sqlite://h/x" #!\n', "[inbox] url", "three slashes"),
    Broken("no retention", '[inbox]\nretention = "never" #!\n', "retention: wants", "such as"),
    Broken("half a byte", '[inbox]\nreserve = "0.5B" #!\n', "reserve: wants a size", "such as"),
    Broken("a denied host", '[egress]\ndeny = ["evil.com"] #!\n', "[egress] deny", '"192.0.2.7"'),
]
ENDPOINTS = [
    Broken(
        "no secret at all", '[[endpoint]]  #!\npath = "/a"\n', "has no secret", "--secret-file FILE"
    ),
    endpoint(
        "signed and unsigned", "secret_file = 'secret'\nunsigned = true", "is unsigned", "leave out"
    ),
    endpoint("an empty secret", 'secret = ""', "secret: wants { file", "that is not empty"),
    endpoint("an unknown source", 'secret = { vault = "x" }', "secret: wants", '{ env = "NAME" }'),
    endpoint("a variable not set", 'secret = { env = "NOT_SET" }', "NOT_SET is not set", "not set"),
    endpoint("a missing secret file", 'secret_file = "nowhere"', "nowhere", "no such file"),
    endpoint(
        "an empty secret file", 'secret_file = "empty"', "is empty", "put the webhook's secret"
    ),
    endpoint("a secret that is too long", 'secret_file = "long"', "more than 4096", "token alone"),
    endpoint("a folder as secret", 'secret_file = "."', "cannot read", "is a directory"),
    endpoint("a wrong answer", 'ack = "later"', "ack: wants", "'stored' or 'processed'"),
    endpoint("a rate without period", 'rate = "10"', "rate: wants a rate", '"10/s"'),
    endpoint("a wrong number of yes", 'unsigned = "yes"', "unsigned: wants", "true or false"),
    Broken(
        "no slash", '[[endpoint]]\nunsigned = true\npath = "x" #!\n', "path: wants", '"/webhook"'
    ),
    Broken("a query", '[[endpoint]]\nunsigned = true\npath = "/x?y" #!\n', "path", "path alone"),
    Broken(
        "upwards", '[[endpoint]]\nunsigned = true\npath = "/a/../b" #!\n', "path", "write the res"
    ),
    Broken(
        "one path twice",
        '[[endpoint]]\nunsigned = true\n[[endpoint]]\nunsigned = true\npath = "/%77ebhook" #!\n',
        "is used by [[endpoint]] 1",
        "give each its own path",
    ),
]
PLUGINS = [
    Broken("no use", '[[plugin]] #!\nname = "x"\n', "use: is required", "is required"),
    Broken(
        "a name with a blank", '[[plugin]]\nuse = "log"\nname = "a b" #!\n', "name: wants", "dots"
    ),
    Broken(
        "one name twice",
        '[[plugin]]\nuse = "log"\n[[plugin]]\nuse = "jsonl"\nname = "log" #!\n',
        'name "log" is used by [[plugin]] 1',
        "give each its own name",
    ),
    plugin("no call at once", "concurrency = 0", "concurrency: wants at least 1", "at least"),
    plugin("a type that is no text", "types = [1]", "types[1]: wants a text", "in quotes"),
    plugin("an empty pattern", 'devices = [""]', "devices[1]: must not be empty", "must not"),
    plugin("a priority in words", 'priority = "high"', "priority[1]: wants", "whole number"),
    plugin("where as text", 'where = "wan*"', "where: wants a table of paths", '["wan*"]'),
    plugin("a wrong comparison", 'where = { priority = "<= two" }', "where: ", "number"),
    plugin("too little memory", 'memory = "1MiB"', "memory: wants at least", "16777216"),
    plugin("an unknown isolation", 'isolation = "vm"', "isolation: wants", "'thread' or 'process'"),
    plugin("a config that is no table", 'config = "x"', "config: wants a table", "such as"),
    Broken(
        "a plugin that may go anywhere",
        '[egress]\ndeny = ["10.0.0.0/8"]\n[[plugin]]  #!\nuse = "apprise"\n',
        "opens its own connections",
        'set isolation = "process"',
    ),
    Broken("an unknown plugin", '[[plugin]]\nuse = "slak" #!\n', 'no plugin "slak"', '"slack"?', 4),
    Broken(
        "no such file",
        '[[plugin]]\nuse = "./no.py" #!\n',
        "there is no file",
        "folder of the configuration",
        4,
    ),
    Broken(
        "a misspelt key of the config",
        '[[plugin]]\nuse = "jsonl"\n[plugin.config]\npth = "x"  #!\n',
        'config: unknown key "pth"',
        'did you mean "path"?',
        4,
    ),
    Broken(
        "a variable of the config that is not set",
        '[[plugin]]\nuse = "slack"\nconfig.url = { env = "NOT_SET" } #!\n',
        "config.url: the environment variable NOT_SET is not set",
        "not set",
        4,
    ),
    Broken(
        "a config that lacks a key",
        '[[plugin]]\nuse = "exec"\nconfig = {} #!\n',
        "config command",
        "is required",
        4,
    ),
    Broken(
        "an object that a file does not have",
        '[[plugin]]\nuse = "./good.py:on_alrt" #!\n',
        'good.py has no "on_alrt"',
        'did you mean "on_alert"?',
        4,
    ),
    Broken(
        "a syntax error", '[[plugin]]\nuse = "./syntax.py" #!\n', "syntax.py:1", "expected ':'", 4
    ),
    Broken(
        "a failing import", '[[plugin]]\nuse = "./raises.py" #!\n', "raises.py:2", "no Slack", 4
    ),
    Broken(
        "a missing package", '[[plugin]]\nuse = "./extra.py" #!\n', "extra.py:1", "no_such_pack", 4
    ),
    Broken("no handler", '[[plugin]]\nuse = "./empty.py" #!\n', "has no handler", "on_alert", 4),
    Broken(
        "an exit",
        '[[plugin]]\nuse = "./exits.py" #!\n',
        "exits.py:1: it ends the program",
        "leave that call out",
        4,
    ),
    Broken(
        "a failing set-up", '[[plugin]]\nuse = "./setup.py" #!\n', "its set-up failed", "retry", 4
    ),
]
CERTIFICATES = [
    Broken("no certificate", "tls none", "none.pem", "no such file"),
    Broken("no PEM", "tls text", "text.pem", "PEM"),
    Broken("the key of another", "tls other", "does not fit", "other.key"),
    Broken("an expired certificate", "tls expired", "expired on", "renew it, then reload"),
]
FILES = [
    Broken("no TOML", "[server\n", "is not TOML", "line 1"),
    Broken("a key twice", '[inbox]\nurl = "a"\nurl = "b"\n', "is not TOML", "line 3"),
    Broken("deep", "x = " + "[" * 20000, "is nested too deeply", "nested"),
]
CONFIGURATIONS = [*TYPES_AND_RANGES, *TOKENS, *KEYS, *PLACES, *ENDPOINTS, *PLUGINS]
