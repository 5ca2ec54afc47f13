"""Draws the comparison of the servers: answers a second, and CPU time for a request.

plot.py RESULTS.json PLOT.png
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import servers
from comparison import Bar, bars

# Okabe and Ito's colours, which people with any colour vision distinguish; the darkness differs
# too, and hatching marks the bars that end on a disk.
_OURS, _OTHERS = "#0072B2", "#BBBBBB"
_DOES = {
    "answers": "answers only",
    "verifies": "signature and JSON",
    "stores": "on disk before 200",
}
_INK, _QUIET = "#222222", "#666666"


def draw(found: Sequence[Bar], facts: dict[str, str], path: Path) -> None:
    """Write the plot.

    Args:
        found: a bar for each server.
        facts: of the machine.
        path: a PNG.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    order = {does: place for place, does in enumerate(_DOES)}
    ranked = sorted(found, key=lambda bar: (order[bar.peer.does], -bar.rate))
    places, headings = _places(ranked)
    with pyplot.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "hatch.linewidth": 0.6}):
        figure, (left, right) = pyplot.subplots(
            1, 2, figsize=(10.5, 0.31 * (max(places) + 4)), sharey=True, width_ratios=(3, 2)
        )
        _panel(left, places, ranked, [bar.rate for bar in ranked], "answers a second")
        _panel(right, places, ranked, [bar.cpu_us for bar in ranked], "CPU for a request, µs")
        left.set_yticks(places, [_name(bar) for bar in ranked])
        left.set_ylim(max(places) + 0.6, -1.0)
        for label, bar in zip(left.get_yticklabels(), ranked, strict=True):
            label.set_color(_OURS if bar.peer.ours else _INK)
            label.set_fontweight("bold" if bar.peer.ours else "normal")
        for place, text in headings:
            left.text(
                -0.01, place, text, transform=left.get_yaxis_transform(), ha="right", va="center",
                color=_QUIET, style="italic",
            )  # fmt: skip
        caption = (
            f"Medians. wrk with 64 connections on the same {facts['cores']} cores"
            f" ({facts['CPU']}), signed alerts that all differ. More is better on the left, less on"
            " the right."
        )
        figure.text(0.99, 0.005, caption, ha="right", va="bottom", color=_QUIET, fontsize=7.5)
        figure.tight_layout(rect=(0, 0.025, 1, 1))
        figure.savefig(path, dpi=150)
        pyplot.close(figure)


def _places(ranked: Sequence[Bar]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each bar stands, and the heading of each group above its first."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    place = -1.0
    for index, bar in enumerate(ranked):
        if index == 0 or bar.peer.does != ranked[index - 1].peer.does:
            place += 1.0
            headings.append((place - 0.4, _DOES[bar.peer.does]))
            place += 0.4
        places.append(place)
        place += 1.0
    return places, headings


def _name(bar: Bar) -> str:
    name = bar.peer.label.removesuffix(", durable") if not bar.peer.ours else bar.peer.label
    return f"{name}, {bar.peer.variant}" if bar.peer.variant else name


def _panel(
    axes: Any, places: Sequence[float], ranked: Sequence[Bar], values: Sequence[float], title: str
) -> None:
    drawn = axes.barh(
        places,
        values,
        height=0.72,
        color=[_OURS if bar.peer.ours else _OTHERS for bar in ranked],
        edgecolor="white",
        linewidth=0,
        hatch=["////" if bar.peer.does == "stores" else "" for bar in ranked],
    )
    axes.bar_label(drawn, [_shown(value) for value in values], padding=3, color=_INK)
    axes.set_title(title, loc="left", color=_INK, fontsize=10, fontweight="bold")
    axes.set_xlim(0, max(values) * 1.14)
    axes.xaxis.set_visible(False)
    axes.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_QUIET)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Draw what a results file holds."""
    results, path = Path(sys.argv[1]), Path(sys.argv[2])
    content = json.loads(results.read_text())
    peers = servers.every(Path(), Path())
    draw(bars(content["rows"], peers), content["machine"], path)


if __name__ == "__main__":
    main()
