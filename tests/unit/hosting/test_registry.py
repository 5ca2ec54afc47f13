import asyncio
import dataclasses
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from incm_webhook import PluginError
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry
from incm_webhook.hosting.registry import LoadedPlugin
from incm_webhook.testing import make_alert

Write = Callable[[str, str], Path]
HEAD = "from incm_webhook import Context, Reject, Retry, plugin\nfrom pydantic import BaseModel\n"


def load(use: str, base: Path, **settings: Any) -> LoadedPlugin:
    return registry.load(PluginSettings(use=use, **settings), base)


def refused(use: str, base: Path, **settings: Any) -> str:
    with pytest.raises(PluginError) as caught:
        load(use, base, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def call(plugin: LoadedPlugin, alert: object = None) -> Any:
    async def run() -> Any:
        result: Any = plugin.handle(alert, plugin.context())
        return await result if plugin.is_async else result

    return asyncio.run(run())


def test_a_file_with_on_alert(workdir: Path, write: Write) -> None:
    path = write(
        "noc.py",
        '"""Tell the NOC.\n\nMore."""\n__version__ = "2"\ndef on_alert(alert): return alert\n',
    )
    plugin = load("./noc.py", workdir)
    assert (plugin.name, plugin.is_async, plugin.batch) == ("noc", False, False)
    assert plugin.origin.text == str(path)
    assert plugin.origin.version == "2"
    assert plugin.origin.summary == "Tell the NOC."
    assert call(plugin, "x") == "x"
    assert plugin.setup() is None
    assert plugin.check() is None
    assert plugin.close() is None


def test_a_file_with_an_async_handler_and_context(workdir: Path, write: Write) -> None:
    write("noc.py", "async def on_alert(alert, ctx): return (ctx.plugin, ctx.config)\n")
    plugin = load("noc.py", workdir, name="night", config={"a": 1})
    assert plugin.is_async
    assert call(plugin) == ("night", {"a": 1})


@pytest.mark.parametrize(
    "signature", ["alert", "alert, ctx", "*args", "alert, ctx=None", "a, /", "a, *, b=1"]
)
def test_signatures_that_fit(workdir: Path, write: Write, signature: str) -> None:
    write("noc.py", f"def on_alert({signature}): return 'called'\n")
    assert call(load("./noc.py", workdir)) == "called"


@pytest.mark.parametrize("signature", ["", "a, b, c", "alert, *, config"])
def test_signatures_that_do_not(workdir: Path, write: Write, signature: str) -> None:
    write("noc.py", f"def on_alert({signature}): pass\n")
    text = refused("./noc.py", workdir)
    assert f"on_alert must take (alert) or (alert, ctx), not ({signature})" in text


def test_a_generator_would_never_run(workdir: Path, write: Write) -> None:
    write("noc.py", "def on_alert(alert):\n    yield 1\n")
    assert "contains a yield" in refused("./noc.py", workdir)


def test_decorated_defaults_yield_to_the_configuration(workdir: Path, write: Write) -> None:
    write(
        "noc.py",
        HEAD + "class C(BaseModel):\n    url: str = 'u'\n"
        "@plugin('pager', types='reboot', timeout='5s', concurrency=2, config=C,\n"
        "        retry={'first': '3s', 'max': '9s'}, priority=1)\n"
        "def page(alert, ctx): return ctx.config.url\n",
    )
    plugin = load("./noc.py", workdir, concurrency=7, retry={"max": "8s"})
    settings = plugin.settings
    assert (settings.types, settings.timeout, settings.concurrency) == (("reboot",), 5, 7)
    assert (settings.retry.first, settings.retry.max, settings.priority) == (3, 8, (1,))
    assert settings.name == "noc"
    assert call(plugin) == "u"
    assert load("./noc.py", workdir, types=["sim_switch"]).settings.types == ("sim_switch",)
    assert load("./noc.py:pager", workdir).name == "pager"
    assert load("./noc.py:page", workdir).name == "page"


def test_wrong_decorator_defaults_are_reported(workdir: Path, write: Write) -> None:
    write("noc.py", HEAD + "@plugin('pager', timeout='soon')\ndef page(alert): pass\n")
    text = refused("./noc.py", workdir)
    assert text.startswith('plugin "noc": @plugin("pager") timeout: wants a duration such as')


def test_several_plugins_in_a_file_want_a_choice(workdir: Path, write: Write) -> None:
    write(
        "noc.py",
        HEAD + "@plugin('a')\ndef one(alert): return 1\n@plugin('b')\ndef two(alert): return 2\n",
    )
    text = refused("./noc.py", workdir)
    assert "holds several plugins (a, b): pick one" in text
    assert call(load("./noc.py:b", workdir)) == 2
    assert 'has no "tow"; did you mean "two"?' in refused("./noc.py:tow", workdir)


CLASS = (
    HEAD
    + """
class Config_(BaseModel):
    size: int = 1

class Sink:
    '''Keeps what happened.'''
    def __init__(self, config: Config_):
        self.seen = ["init", config.size]
    async def setup(self, ctx): self.seen.append(ctx.plugin)
    async def handle_batch(self, alerts, ctx): self.seen.append(list(alerts)); return self.seen
    def check(self): raise RuntimeError("not today")
    async def close(self): self.seen.append("close")
"""
)


def test_a_class_in_a_file(workdir: Path, write: Write) -> None:
    write("sink.py", CLASS)
    plugin = load("./sink.py", workdir, config={"size": 3})
    assert plugin.batch
    assert plugin.is_async
    assert plugin.origin.summary == "Keeps what happened."

    async def run() -> Any:
        await plugin.setup()  # type: ignore[misc]
        seen: Any = await plugin.handle([1, 2], plugin.context())  # type: ignore[misc]
        await plugin.close()  # type: ignore[misc]
        return seen

    assert asyncio.run(run()) == ["init", 3, "sink", [1, 2], "close"]
    with pytest.raises(RuntimeError, match="not today"):
        plugin.check()


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [("self", "none"), ("self, settings", {"a": 1}), ("self, c: dict", {"a": 1})],
)
def test_a_constructor_takes_the_config_or_nothing(
    workdir: Path, write: Write, parameters: str, seen: object
) -> None:
    write(
        "sink.py",
        f"class Sink:\n    def __init__({parameters}):\n"
        "        self.config = [v for k, v in locals().items() if k != 'self'] or ['none']\n"
        "    def handle(self, alert): return self.config[0]\n",
    )
    assert call(load("./sink.py", workdir, config={"a": 1})) == seen


def test_annotations_may_be_text(workdir: Path, write: Write) -> None:
    write("sink.py", "from __future__ import annotations\n" + CLASS)
    assert load("./sink.py", workdir, config={"size": 3}).config.size == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": "big"}, "config size: wants a whole number"),
        ({"sise": 1}, 'config: unknown key "sise"; did you mean "size"?'),
    ],
)
def test_a_wrong_config_is_reported_by_its_key(
    workdir: Path, write: Write, config: dict[str, Any], message: str
) -> None:
    write("sink.py", CLASS)
    assert refused("./sink.py", workdir, config=config) == f'plugin "sink": {message}'


def test_a_model_that_allows_extra_keys_gets_them(workdir: Path, write: Write) -> None:
    write(
        "noc.py",
        "from pydantic import BaseModel\nclass Config(BaseModel, extra='allow'):\n    a: int = 1\n"
        "def on_alert(alert, ctx): return ctx.config.b\n",
    )
    assert call(load("./noc.py", workdir, config={"b": 5})) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "noc.py:1: invalid syntax: def f(:"),
        ("x = 1\n\ny = 1 / 0\n", "noc.py:3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(7)\n", "noc.py:2: it ends the program (exit 7)"),
        ("import nowhere_at_all\n", "noc.py:1: ModuleNotFoundError: No module named"),
        ("raise RuntimeError('a\\nb\\x1b[31m')\n", "RuntimeError: a\\nb\\x1b[31m"),
        ("\0", "noc.py"),
        ("x = 1\n", "has no handler: write `def on_alert(alert, ctx)`"),
        ("from incm_webhook.plugins.jsonl import Jsonl\n", "has no handler"),
        ("class A:\n    def handle(self, a): 0\n    def handle_batch(self, a): 0\n", "has both"),
        ("class A:\n    def __init__(self): 1 / 0\n    def handle(self, a): 0\n", "noc.py:2: Zero"),
        ("class A:\n    def __init__(self, c: 'Nope'): 0\n    def handle(self, a): 0\n", "Nope"),
        ("import json\ndef f():\n    json.loads('{')\nf()\n", "noc.py:3: JSONDecodeError"),
    ],
)
def test_a_broken_file_is_reported_with_its_line(
    workdir: Path, write: Write, text: str, message: str
) -> None:
    write("noc.py", text)
    before = set(sys.modules)
    refusal = refused("./noc.py", workdir)
    assert refusal.startswith('plugin "noc": ')
    assert message in refusal
    if "handle" not in text and text != "x = 1\n" and "Jsonl" not in text:
        assert not [name for name in set(sys.modules) - before if name.startswith("incm_webhook_f")]


def test_a_missing_file_and_a_missing_name(workdir: Path, write: Write) -> None:
    assert (
        refused("./nowhere.py", workdir)
        == f'plugin "nowhere": there is no file {workdir}/nowhere.py: a relative path begins at '
        "the folder of the configuration, or for a flag at the working directory"
    )
    assert 'there is no plugin "jsonk"; did you mean "jsonl"?' in refused("jsonk", workdir)
    assert refused("nowhere_at_all.x:y", workdir) == (
        "plugin \"y\": nowhere_at_all.x: ModuleNotFoundError: No module named 'nowhere_at_all'"
    )
    assert 'has no "lods"' in refused("json:lods", workdir)
    assert "neither a function nor a class" in refused("json:__name__", workdir)


def test_a_file_that_holds_no_plugin_leaves_no_module(workdir: Path, write: Write) -> None:
    write("bad.py", "on = 1\nclass Sink:\n    def __init__(self, config): pass\n")
    before = set(sys.modules)
    refused("./bad.py", workdir)
    refused("./bad.py:none", workdir)
    refused("./bad.py:Sink", workdir)
    assert {one for one in set(sys.modules) - before if "file" in one} == set()


def test_a_dotted_object_is_loaded(
    workdir: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("my_pkg_a/__init__.py", "")
    write("my_pkg_a/mod.py", "class Box:\n    @staticmethod\n    def f(alert): return 'f'\n")
    monkeypatch.syspath_prepend(workdir)
    assert call(load("my_pkg_a.mod:Box.f", workdir, name="f")) == "f"


def test_an_installed_name_is_found_by_its_entry_point(
    workdir: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("my_pkg_b.py", "def f(alert): return 'f'\ndef on_alert(alert): return 'module'\n")
    monkeypatch.syspath_prepend(workdir)
    points = [
        EntryPoint("pager", "my_pkg_b:f", registry.GROUP),
        EntryPoint("whole", "my_pkg_b", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "installed", lambda: points)
    assert call(load("pager", workdir)) == "f"
    assert call(load("whole", workdir)) == "module"
    points.append(EntryPoint("pager", "other:f", registry.GROUP))
    assert "is installed more than once" in refused("pager", workdir)


def test_naming_a_bundled_plugin_scans_nothing(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "installed", lambda: pytest.fail("scanned"))
    plugin = load("jsonl", workdir)
    assert plugin.origin.text == "bundled"
    assert plugin.batch
    assert plugin.settings.concurrency == 1
    assert load("log", workdir).origin.summary == "Print each alert as one line on standard output."


def test_a_file_used_twice_is_two_modules(workdir: Path, write: Write) -> None:
    write(
        "noc.py", "seen = []\ndef on_alert(alert):\n    seen.append(alert)\n    return len(seen)\n"
    )
    first, second = load("./noc.py", workdir, name="a"), load("./noc.py", workdir, name="b")
    assert [call(first), call(first), call(second)] == [1, 2, 1]
    assert not (workdir / "__pycache__").exists()


def test_a_changed_file_is_read_anew(workdir: Path, write: Write) -> None:
    write("noc.py", "def on_alert(alert): return 1\n")
    assert call(load("./noc.py", workdir)) == 1
    write("noc.py", "def on_alert(alert): return 2\n")
    assert call(load("./noc.py", workdir)) == 2


def test_dataclasses_and_models_work_in_a_file(workdir: Path, write: Write) -> None:
    write(
        "noc.py",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from pydantic import BaseModel\nclass Inner(BaseModel):\n    n: int\n"
        "class Config(BaseModel):\n    inner: Inner\n@dataclass\nclass D:\n    a: int\n"
        "def on_alert(alert, ctx): return D(ctx.config.inner.n)\n",
    )
    assert call(load("./noc.py", workdir, config={"inner": {"n": 4}})).a == 4
    text = refused("./noc.py", workdir, config={"inner": {"n": "x"}})
    assert "config inner.n: wants a whole number" in text


def test_the_context_of_one_and_of_many(workdir: Path, write: Write) -> None:
    from datetime import UTC, datetime

    from incm_webhook import Context

    write("noc.py", "def on_alert(alert): pass\n")
    write("sink.py", "class A:\n    def handle_batch(self, alerts): pass\n")
    now = datetime.now(UTC)
    deliveries = [
        Context(attempt=n, delivery_key=f"k{n}", alert_id=n + 10, endpoint="/w", received_at=now)
        for n in (1, 3, 2)
    ]
    one = load("./noc.py", workdir).context(deliveries[:1])
    assert (one.delivery_key, one.attempt, one.alert_id, one.each) == ("k1", 1, 11, ())
    assert one.delivery_keys == ("k1",)
    with_defaults = {"each", "traceparent", "tracestate"}  # for one delivery without a trace
    names = {field.name for field in dataclasses.fields(one)}
    assert vars(one).keys() == (names - with_defaults) | {"_call"}
    many = load("./sink.py", workdir).context(deliveries)
    assert many.delivery_keys == ("k1", "k3", "k2")
    assert [each.alert_id for each in many.each] == [11, 13, 12]
    assert many.attempt == 3


def test_an_object_at_hand_is_loaded() -> None:
    def on_alert(alert: object) -> str:
        return "here"

    plugin = registry.load_object(on_alert, PluginSettings(use="x", name="x"))
    assert call(plugin, make_alert()) == "here"
    module = ModuleType("made_up")
    module.__dict__["on_alert"] = on_alert
    assert call(registry.load_object(module, PluginSettings(use="x", name="x"))) == "here"
