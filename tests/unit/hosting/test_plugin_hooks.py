"""What a plugin has that is never called, used or checked is reported when it is loaded."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting import registry
from incm_webhook.hosting.local_run import LocalRun, made_up_deliveries
from incm_webhook.testing import make_alert

# What a bundled plugin cannot be loaded without.
REQUIRED_CONFIG: dict[str, dict[str, Any]] = {
    "alertmanager": {"urls": ["https://alerts.example"]},
    "apprise": {"urls": ["json://alerts.example"]},
    "discord": {"url": "https://chat.example/api/webhooks/1/token"},
    "email": {"host": "mail.example", "from": "a@example.com", "to": "b@example.com"},
    "exec": {"command": ["/bin/true"]},
    "http": {"url": "https://hooks.example/alerts"},
    "im": {"service": "wecom", "url": "https://chat.example/robot"},
    "mqtt": {"host": "127.0.0.1"},
    "pagerduty": {"routing_key": "0123456789abcdef0123456789abcdef"},
    "slack": {"url": "https://hooks.example/services/1"},
    "sql": {"url": "sqlite:///alerts.db"},
    "syslog": {"host": "127.0.0.1"},
    "teams": {"url": "https://chat.example/workflows/1"},
    "telegram": {"token": "1:0a1b2c3d4e5f", "chat": 1},
}


def warnings_of(folder: Path, code: str, use: str = "") -> tuple[str, ...]:
    (folder / "p.py").write_text(code)
    return registry.load(PluginSettings(use=f"./p.py{use}", name="p"), folder).warnings


@pytest.mark.parametrize(
    ("hook", "meant"),
    [
        ("set_up", "setup"),
        ("setUp", "setup"),
        ("startup", "setup"),
        ("tear_down", "close"),
        ("shutdown", "close"),
        ("close_", "close"),
        ("handle_batchs", "handle_batch"),
        ("handleBatch", "handle_batch"),
        ("on_alerts", "handle_batch"),
        ("chek", "check"),
    ],
)
def test_a_misspelt_hook_of_a_class_is_reported(tmp_path: Path, hook: str, meant: str) -> None:
    code = f"class P:\n def handle(self, alert): pass\n def {hook}(self): pass\n"
    (warning,) = warnings_of(tmp_path, code)
    assert warning.startswith(f"P.{hook} is never called; did you mean {meant}?")


def test_what_is_no_hook_is_not_reported(tmp_path: Path) -> None:
    code = "class P:\n def handle(self, alert): pass\n def close(self): pass\n" + "".join(
        f" def {name}(self): pass\n"
        for name in ("shutdown", "_set_up", "handler", "send", "reconnect", "closed", "url_of")
    )
    assert warnings_of(tmp_path, code) == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("set_up", "setup"), ("teardown", "close"), ("chek", "check"), ("conect", "connect")],
)
def test_a_misspelt_hook_of_a_module_is_reported(tmp_path: Path, name: str, meant: str) -> None:
    code = f"def on_alert(alert): pass\ndef {name}(ctx): pass\n"
    (warning,) = warnings_of(tmp_path, code)
    assert warning == f"the function {name} is never called; did you mean {meant}?"
    assert warnings_of(tmp_path, f"{code}def {meant}(): pass\n") == ()


def test_a_hook_of_a_module_with_other_arguments_is_reported(tmp_path: Path) -> None:
    code = (
        "from os import close\ndef on_alert(alert): pass\ndef check(alert, limit): pass\n"
        "def on_dead(alert): pass\n"
    )
    assert warnings_of(tmp_path, code) == (
        "the function check is never called: a hook of that name takes nothing or (ctx)",
        "the function on_dead is never called: a hook of that name takes alert, ctx, reason",
    )


def test_a_hook_beside_a_marked_function_is_reported(tmp_path: Path) -> None:
    code = (
        "from incm_webhook import plugin\ndef setup(): pass\ndef close(ctx): pass\n"
        "@plugin('p', close=close)\ndef page(alert): pass\n"
    )
    (warning,) = warnings_of(tmp_path, code)
    assert warning == "the function setup is never called: write @plugin(..., setup=setup)"


RECORDING = """
from incm_webhook import plugin
calls = []
def setup(): calls.append("setup")
def check(): calls.append("check")
async def connect(ctx): calls.append(f"connect {ctx.plugin}")
def on_dead(alert, ctx, reason): calls.append((alert.type, ctx.alert_id, reason))
async def close(ctx): calls.append("close")
"""
FORMS = {
    "module": "def on_alert(alert): pass\n",
    "marked on_alert": "@plugin('p', timeout=3)\ndef on_alert(alert): pass\n",
    "decorator": "@plugin('p', setup=setup, check=check, connect=connect, on_dead=on_dead,"
    " close=close)\ndef page(alert): pass\n",
    "class": "class P:\n"
    " def handle(self, alert): pass\n"
    " def setup(self): setup()\n"
    " def check(self): check()\n"
    " def connect(self, ctx): return connect(ctx)\n"
    " def on_dead(self, alert, ctx, reason): on_dead(alert, ctx, reason)\n"
    " def close(self, ctx): return close(ctx)\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_the_hooks(tmp_path: Path, form: str) -> None:
    (tmp_path / "p.py").write_text(RECORDING + FORMS[form])
    plugin = registry.load(PluginSettings(use="./p.py", name="noc"), tmp_path)
    if form != "class":  # its functions are called by the methods
        assert plugin.warnings == ()
    assert set(registry.look_at("./p.py", tmp_path).hooks) == {
        *("handle", "setup", "check", "connect", "on_dead", "close")
    }
    with LocalRun(plugin) as run:
        plugin.check()
        run._finish(plugin.connect())
        run.dead(make_alert("reboot"), made_up_deliveries(7)[6], "why")
    calls = plugin._hooks["handle"].function.__globals__["calls"]
    assert calls == ["setup", "check", "connect noc", ("reboot", 7, "why"), "close"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("@plugin('p', setup=3)\ndef f(alert): pass\n", "f, setup must be a function, not int"),
        (
            "@plugin('p', close=lambda a, b: 0)\ndef f(alert): pass\n",
            r"f, close must take \(\) or \(ctx\), not \(a, b\)",
        ),
        (
            "@plugin('p', on_dead=lambda alert: 0)\ndef f(alert): pass\n",
            r"f, on_dead must take \(alert, ctx, reason\), not \(alert\)",
        ),
        (
            "@plugin('p', setup=print)\nclass P:\n def handle(self, alert): pass\n",
            r"P is a class: write a method setup, not @plugin\(setup=\.\.\.\)",
        ),
        (
            "class P:\n def handle(self, alert): pass\n def on_dead(self, alert): pass\n",
            r"P.on_dead must take \(alert, ctx, reason\), not \(alert\)",
        ),
    ],
)
def test_a_hook_that_cannot_be_called_is_refused(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        warnings_of(tmp_path, f"from incm_webhook import plugin\n{code}")


@pytest.mark.parametrize(
    "code",
    [
        "class Config:\n url: str\ndef on_alert(alert): pass\n",
        "class Settings: pass\nclass P:\n def __init__(self, config: Settings): pass\n"
        " def handle(self, alert): pass\n",
    ],
)
def test_a_config_that_is_no_model_is_reported(tmp_path: Path, code: str) -> None:
    (warning,) = warnings_of(tmp_path, code)
    assert "is not a pydantic model, so config is a plain dict that nothing has checked" in warning


@pytest.mark.parametrize("annotation", ["dict", "dict[str, str]", "object", "Any", "Mapping"])
def test_a_class_that_wants_a_dict_gets_one(tmp_path: Path, annotation: str) -> None:
    code = (
        "from typing import Any\nfrom collections.abc import Mapping\n"
        f"class P:\n def __init__(self, config: {annotation}): pass\n"
        " def handle(self, alert): pass\n"
    )
    assert warnings_of(tmp_path, code) == ()


def test_a_decorator_wants_a_model(tmp_path: Path) -> None:
    code = "from incm_webhook import plugin\n@plugin('p', config=dict)\ndef f(alert): pass\n"
    with pytest.raises(PluginError, match=r"@plugin\(config=\.\.\.\) needs a pydantic model, not"):
        warnings_of(tmp_path, code)


def test_a_class_of_another_module_is_no_config(tmp_path: Path) -> None:
    code = "from pathlib import Path as Config\ndef on_alert(alert): pass\n"
    assert warnings_of(tmp_path, code) == ()


def test_an_installed_plugin_that_a_bundled_name_hides_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("log", "acme.log:on_alert", registry.GROUP)
    monkeypatch.setattr(registry, "installed", lambda: [point])
    (warning,) = registry.hidden_by("log")
    assert warning == (
        'the installed plugin "log" of acme.log is hidden by the bundled one: '
        'write use = "acme.log:on_alert" to use it'
    )


@pytest.mark.parametrize("name", sorted(registry.BUNDLED))
def test_a_bundled_plugin_causes_no_warning(name: str, tmp_path: Path) -> None:
    settings = PluginSettings(use=name, config=REQUIRED_CONFIG.get(name, {}))
    assert registry.load(settings, tmp_path).warnings == ()


def test_a_class_without_a_constructor_has_the_config_of_its_module(tmp_path: Path) -> None:
    code = (
        "from pydantic import BaseModel\nclass Config(BaseModel):\n url: str\n"
        "class P:\n def handle(self, alert, ctx): pass\n"
    )
    (tmp_path / "p.py").write_text(code)
    spec = PluginSettings(use="./p.py", config={"url": "u"})
    assert registry.load(spec, tmp_path).config.url == "u"
    with pytest.raises(PluginError, match="config url: is required"):
        registry.load(PluginSettings(use="./p.py"), tmp_path)


def test_a_misspelt_handler_is_named(tmp_path: Path) -> None:
    hint = r"has no handler \(on_alerts has a similar name, but is not one\): "
    with pytest.raises(PluginError, match=hint):
        warnings_of(tmp_path, "def on_alerts(alert): pass\n")
