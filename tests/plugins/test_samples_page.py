"""docs/plugins/samples.md shows what each plugin sends; see samples.py to write it again."""

import json
import re

import pytest

from incm_webhook.hosting.registry import BUNDLED
from plugins.samples import PAGE, PAIR, SAMPLES, section
from plugins.targets.mosquitto import needs_mosquitto

pytestmark = pytest.mark.slow
LIBRARIES = {"apprise": "apprise", "sql": "sqlalchemy"}
NAMES = [pytest.param(name, marks=needs_mosquitto) if name == "mqtt" else name for name in SAMPLES]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_what_the_plugin_sends(name: str) -> None:
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason="its library is not installed")
    shown = re.search(rf"\n## {name}\n.*?(?=\n## |\Z)", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None, "the page has no such section: python tests/plugins/samples.py"
    assert shown[0].strip() == section(name).strip()


def test_the_page_has_every_plugin_and_the_alerts_themselves() -> None:
    assert {name.partition(",")[0] for name in SAMPLES} == set(BUNDLED)
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.*)$", text) == list(SAMPLES)
    for one in PAIR:
        assert json.loads(one.raw)
        assert one.raw.decode() in text
