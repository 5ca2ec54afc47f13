"""The dashboard of docs/observability: its panels and its queries."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "observability"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """Each query, as it stands in the dashboard."""
    for panel in SHOWN:
        for target in panel["targets"]:
            yield target["expr"]


def filled_in(expression: str) -> str:
    """The query as Grafana sends it when everything is chosen."""
    filled = expression.replace("$__rate_interval", "1m")
    return re.sub(r'=~"\$(job|instance)"', '=~".+"', filled)
