"""Formats the report of `bench --report` for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from incm_webhook.cli.view.server_status import server_status
from incm_webhook.cli.view.settings import lines_of
from incm_webhook.cli.view.statistics import statistics
from incm_webhook.cli.view.table import layout
from incm_webhook.config.quantities import rough_size
from incm_webhook.config.settings import Settings
from incm_webhook.log import printable

_PARTS = ("ALERTS", "CONNECTIONS", "RATE", "P50", "P90", "P99", "LONGEST", "NOT 200")
_TIMES = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
_UNKNOWN = "unknown"


def lines_of_report(found: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        found: the object that `bench --report --json` prints.
        settings: the configuration; its secrets are not needed.
    """
    yield f"incm-webhook bench --report, {found['made_at']}"
    yield ""
    yield from _machine(found["versions"], found["machine"])
    yield from _disk(found["disk"])
    yield ""
    yield from _load(found["load"])
    for key, heading in (("inbox", "THE INBOX"), ("server", "ITS SERVER")):
        if key in found:
            yield ""
            yield heading
            yield from _indented(_about(key, found[key]))
    if "configuration" in found:
        yield ""
        yield "THE CONFIGURATION, WITHOUT SECRETS"
        yield from _indented(lines_of(settings, origin=True))


def _machine(versions: Mapping[str, str], machine: Mapping[str, Any]) -> Iterator[str]:
    def known(key: str) -> str:
        return printable(str(machine[key] or _UNKNOWN))

    yield "versions    " + ", ".join(f"{name} {number}" for name, number in versions.items())
    yield (
        f"system      {known('system')}, kernel {known('kernel')}, {known('architecture')}, "
        f"{known('c_library')}"
    )
    cpus = f"{machine['cpus_usable']} of {machine['cpus']}"
    if machine["cpu_limit"] is not None:
        cpus += f", at most {machine['cpu_limit']:g}"
    load = ", ".join(f"{one:g}" for one in machine["load"])
    yield f"processors  {cpus}: {known('cpu')}; load {load}"
    limit = machine["memory_limit"]
    sizes = [f"{_size(machine['memory'])}", f"{_size(machine['memory_available'])} available"]
    sizes += [f"at most {_size(limit)}"] if limit is not None else []
    yield f"memory      {', '.join(sizes)}; {machine['open_files_limit']:,} open files at most"


def _disk(disk: Mapping[str, Any]) -> Iterator[str]:
    turns = {None: "", True: " (rotating, by the kernel)", False: " (not rotating)"}[
        disk["rotating"]
    ]
    device = printable(disk["device"] or "a disk that is unknown")
    yield (
        f"disk        {printable(disk['file_system'] or _UNKNOWN)} on {device}{turns}; "
        f"{_size(disk['size'])}, {_size(disk['free'])} free"
    )
    sync = disk["fdatasync"]
    times = ", ".join(
        f"{name} {_ms(sync[f'{key}_ms'])}"
        for name, key in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("longest", "max"))
    )
    yield f"fdatasync   {times}; {sync['count']:,} times 4 KiB"


def _load(load: Mapping[str, Any]) -> Iterator[str]:
    where = load["receiver"]
    yield (
        "THE LOAD, on a receiver of its own without plugins, beside the inbox"
        if where is None
        else f"THE LOAD, on {printable(where)}"
    )
    rows = [_part(one) for one in load["parts"]]
    yield from _indented(layout(_PARTS, rows, width=None, right=set(_PARTS[1:])))
    yield from _indented(sorted({error for one in load["parts"] for error in one["errors"]}))
    if not load["complete"]:
        yield "  ended early by Ctrl-C"
    cost = load.get("cost")
    if cost is None:
        return
    facts = []
    if cost["cpu_us"] is not None:
        facts.append(f"{cost['cpu_us']:g} us of CPU for an alert")
    if cost["disk_bytes"] is not None:
        facts.append(f"{cost['disk_bytes']:,} bytes of disk for an alert, without deliveries")
    if cost["peak_memory"] is not None:
        facts.append(f"{_size(cost['peak_memory'])} of memory at most")
    yield f"  the receiver: {', '.join(facts)}"


def _part(one: Mapping[str, Any]) -> list[str]:
    other = sum(one["refused"].values()) + sum(one["errors"].values())
    return [
        one["name"],
        f"{one['connections']:,}",
        f"{one['rate']:,.0f}/s",
        *(_ms(one[key]) for key in _TIMES),
        f"{other:,}",
    ]


def _about(key: str, answer: Mapping[str, Any]) -> Iterator[str]:
    if "error" in answer:
        yield printable(str(answer["error"]))
    elif key == "inbox":
        yield from statistics(answer)
    else:
        yield from server_status(answer, None)


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in lines)


def _ms(time: float | None) -> str:
    return "-" if time is None else f"{time:.3g} ms"


def _size(size: int | None) -> str:
    return _UNKNOWN if size is None else rough_size(size)
