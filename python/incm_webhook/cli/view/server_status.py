"""Formats the status of a running server for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from incm_webhook.cli.view.table import layout
from incm_webhook.cli.view.times import local_time, roughly
from incm_webhook.config.quantities import rough_size
from incm_webhook.log import printable

_ENDPOINTS = ("ENDPOINT", "LAST ALERT", "ACCEPTED", "REPEATED")
_PLUGINS = ("PLUGIN", "STATE", "SINCE", "OPEN", "WAITING", "DEAD", "OLDEST OPEN", "REASON")
_NUMBERS = {"ACCEPTED", "REPEATED", "OPEN", "WAITING", "DEAD", "OLDEST OPEN"}


def server_status(answer: Mapping[str, Any], width: int | None) -> Iterator[str]:
    """Format the API's answer to /status.

    Args:
        answer: that answer.
        width: the columns of the terminal; None: no limit.

    Yields:
        Lines.
    """
    yield from _facts(answer)
    for head, key in (("PROBLEMS", "problems"), ("WARNINGS", "warnings")):
        if answer[key]:
            yield ""
            yield head
            yield from (f"  {_finding(one, answer['now'])}" for one in answer[key])
    now = answer["now"]
    if answer["endpoints"]:
        yield ""
        rows = [_endpoint(one, now) for one in answer["endpoints"]]
        yield from layout(_ENDPOINTS, rows, width=width, right=_NUMBERS)
    if answer["plugins"]:
        yield ""
        yield from layout(
            _PLUGINS,
            [_plugin(one, now) for one in answer["plugins"]],
            width=width,
            right=_NUMBERS,
            whole={"PLUGIN", "STATE", "OPEN", "DEAD"},
        )


def _facts(answer: Mapping[str, Any]) -> Iterator[str]:
    server, inbox, minute = answer["server"], answer["inbox"], answer["last_minute"]
    verdict = "healthy" if answer["healthy"] else "NOT HEALTHY"
    versions = f"Python {server['python']}, SQLite {server['sqlite']}"
    yield f"incm-webhook {server['version']}: {verdict} at {local_time(answer['now'])}"
    yield f"up          {roughly(server['uptime_ms'] / 1000)}; {versions}"
    yield f"alerts      {server['alerts']}, {_count(server['connections'], 'connection')}"
    others = {"admin": server["admin"], "metrics": server["metrics"]}
    shown = [f"{name} {address}" for name, address in others.items() if address]
    if shown:
        yield f"also on     {', '.join(shown)}"
    if server["certificate_ends_at"]:
        yield f"certificate until {local_time(server['certificate_ends_at'])}"
    if answer["canary"]:
        yield f"canary      {_canary(answer['canary'], answer['now'])}"
    reload = server["reload"]
    went = "ok" if reload["ok"] else f"FAILED: {printable(reload['error'])}"
    yield f"read config {local_time(reload['at'], beside=answer['now'])}, {went}"
    yield f"last minute {_rates(minute)}"
    yield f"answers     {_quantiles(minute['answer_ms'])}"
    yield f"commits     {_quantiles(minute['commit_ms'])}"
    yield f"inbox       {_count(inbox['alerts'], 'alert')} kept{_sizes(inbox)}"
    free = f"{rough_size(inbox['disk_free_bytes'])} free"
    low = "; LOW, alerts are refused" if inbox["disk_low"] else ""
    yield f"disk        {free}, {rough_size(inbox['disk_reserve_bytes'])} reserved{low}"
    kept = [f"{count:,} {kind}" for kind, count in inbox["quarantined"].items() if count]
    yield f"quarantine  {', '.join(kept) or 'empty'}"


def _canary(canary: Mapping[str, Any], now: str) -> str:
    back = canary["came_back_at"]
    when = f"came back {local_time(back, beside=now)}" if back else "none came back yet"
    return f"{when}, {_quantiles(canary['round_trip_ms'])}"


def _rates(minute: Mapping[str, Any]) -> str:
    """Format the rates; the window is shorter after the start."""
    names = {"accepted": "accepted", "duplicates": "repeated", "refused": "refused"}
    seconds = max(minute["seconds"], 1.0)
    rates = (f"{_rate(minute[key] / seconds)} {name}" for key, name in names.items())
    short = f" (of {roughly(seconds)})" if seconds < 50 else ""
    return ", ".join(rates) + short


def _rate(per_second: float) -> str:
    if 0 < per_second < 1:
        return f"{per_second * 60:.3g}/min"
    return f"{per_second:,.1f}/s" if per_second else "0/s"


def _quantiles(times: Mapping[str, Any]) -> str:
    if not times["count"]:
        return "none"
    return f"half within {_ms(times['p50'])}, 99 % within {_ms(times['p99'])}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else roughly(milliseconds / 1000)


def _sizes(inbox: Mapping[str, Any]) -> str:
    if "bytes" not in inbox:
        return "; its file cannot be read"
    return f", {rough_size(inbox['bytes'])}, log {rough_size(inbox['log_bytes'])}"


def _finding(one: Mapping[str, Any], now: str) -> str:
    since = f" since {local_time(one['since'], beside=now)}" if one["since"] else ""
    reason = f": {one['reason']}" if one["reason"] else ""
    return printable(f"{one['subject']}: {one['text']}{since}{reason}")


def _endpoint(one: Mapping[str, Any], now: str) -> Sequence[str]:
    last = one["last_alert_at"]
    shown = local_time(last, beside=now) if last else "none since the start"
    if one["silent_since"]:
        shown += ", SILENT"
    return [one["path"], shown, f"{one['accepted']:,}", f"{one['duplicates']:,}"]


def _plugin(one: Mapping[str, Any], now: str) -> Sequence[str]:
    status, oldest = one["status"], one["oldest_open_ms"]
    more = "+" if one["more"] else ""
    state = "not configured" if not one["configured"] else status["state"] if status else "-"
    return [
        one["plugin"],
        state,
        local_time(status["since"], beside=now) if status else "-",
        *(f"{one[key]:,}{more}" for key in ("open", "waiting", "dead")),
        "-" if oldest is None else roughly(oldest / 1000),
        status["reason"] if status else "",
    ]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
