"""Writes the tables of every key into docs/configuration.md, from the models of the configuration.

.venv/bin/python tools/configuration_page.py            # writes the page
.venv/bin/python tools/configuration_page.py --check    # fails when the page is stale
"""

import sys
from pathlib import Path

from incm_webhook.config.reference import Key, tables

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
BEGIN = "<!-- begin: written by tools/configuration_page.py from the models in config/ -->\n"
END = "<!-- end -->\n"
_HEAD = "| key | type | default | unit | meaning | example |\n|---|---|---|---|---|---|\n"


def page_with_tables(page: str) -> str:
    """Return the text of the page with the present tables between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} lacks the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{_tables()}{END}{after}"


def _tables() -> str:
    parts = []
    for heading, meaning, keys in tables():
        rows = "".join(map(_row, keys))
        parts.append(f"\n### `{heading}`\n\n{meaning}.\n\n{_HEAD}{rows}")
    return "".join(parts) + "\n"


def _row(key: Key) -> str:
    default = f"`{key.default}`" if key.default is not None else key.without or "-"
    cells = (f"`{key.name}`", key.kind, default, key.unit or "-", key.meaning, f"`{key.example}`")
    return f"| {' | '.join(one.replace('|', chr(92) + '|') for one in cells)} |\n"


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = page_with_tables(page)
    if sys.argv[1:] == ["--check"]:
        if fresh != page:
            print(f"{PAGE} is stale: run tools/configuration_page.py", file=sys.stderr)
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
