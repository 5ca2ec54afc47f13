"""What a plugin has that is never called, never used or never checked is said when it is loaded."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting import registry

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
    "telegram": {"token": "1:token", "chat": 1},
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
def test_a_misspelt_hook_of_a_class_is_told(tmp_path: Path, hook: str, meant: str) -> None:
    code = f"class P:\n def handle(self, alert): pass\n def {hook}(self): pass\n"
    (warning,) = warnings_of(tmp_path, code)
    assert warning.startswith(f"P.{hook} is never called; did you mean {meant}?")


def test_what_is_no_hook_is_not_told(tmp_path: Path) -> None:
    code = "class P:\n def handle(self, alert): pass\n def close(self): pass\n" + "".join(
        f" def {name}(self): pass\n"
        for name in ("shutdown", "_set_up", "handler", "send", "reconnect", "closed", "url_of")
    )
    assert warnings_of(tmp_path, code) == ()


@pytest.mark.parametrize("name", ["setup", "set_up", "close", "teardown", "check", "connect"])
def test_a_hook_beside_a_function_is_told(tmp_path: Path, name: str) -> None:
    code = f"def on_alert(alert): pass\ndef {name}(ctx): pass\n"
    (warning,) = warnings_of(tmp_path, code)
    hooks = "setup, check, connect, close"
    assert warning == f"the function {name} is never called: only a class has {hooks}"


def test_a_helper_of_that_name_is_not_told(tmp_path: Path) -> None:
    code = "from os import close\ndef on_alert(alert): pass\ndef check(alert, limit): pass\n"
    assert warnings_of(tmp_path, code) == ()


@pytest.mark.parametrize(
    "code",
    [
        "class Config:\n url: str\ndef on_alert(alert): pass\n",
        "class Settings: pass\nclass P:\n def __init__(self, config: Settings): pass\n"
        " def handle(self, alert): pass\n",
    ],
)
def test_a_config_that_is_no_model_is_told(tmp_path: Path, code: str) -> None:
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


def test_an_installed_plugin_that_a_bundled_name_hides_is_told(
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
