"""Renders the templates in a plugin's config with made-up alerts of every type that it wants."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from incm_webhook import Alert, alert_types
from incm_webhook._core import Filter
from incm_webhook.config.settings import PluginSettings
from incm_webhook.plugin import Context
from incm_webhook.sender.samples import sample, spell
from incm_webhook.template import TemplateText, names_of

__all__ = ["template_findings"]

_MOST_NAMED = 4  # types in a sentence
_CLOSED = " (closed)"


def template_findings(config: Any, settings: PluginSettings) -> tuple[list[str], list[str]]:
    """Render each template of a config with a sample of every type that the plugin's filters want.

    Args:
        config: the validated model of the plugin, or its plain dict.
        settings: the plugin's settings; of its filters `types` and `status` count, and a `not` of
            these alone.

    Returns:
        Errors, a sentence for each template that fails with every sample; and warnings, a sentence
        for each way in which a template fails with some. A sentence begins with the key.
    """
    templates = list(_templates(config, ""))
    if not templates:
        return [], []
    errors: list[str] = []
    warnings: list[str] = []
    samples = _samples(settings)
    for key, template in templates:
        failures: dict[str, list[str]] = {}
        for alert in samples:
            problem = _problem(template, alert, settings.name)
            if problem:
                failures.setdefault(problem, []).append(_described(alert))
        place = settings.place_at(f"config.{key}")
        failed = sum(map(len, failures.values()))
        found = [
            f"config {key}, {problem}; the plugin would reject "
            f"{'every alert' if len(on) == len(samples) else _named(on)}{place}"
            for problem, on in failures.items()
        ]
        if failed < len(samples):
            warnings += found
        else:
            errors += found
    return errors, warnings


def _templates(value: Any, key: str) -> Iterator[tuple[str, TemplateText]]:
    """Find the templates in a config, with the keys under which they stand."""
    if isinstance(value, TemplateText):
        yield key, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _templates(getattr(value, name), _joined(key, field.alias or name))
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _templates(one, _joined(key, str(name)))
    elif isinstance(value, list | tuple | set | frozenset):
        for number, one in enumerate(value):
            yield from _templates(one, _joined(key, str(number)))


def _joined(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _samples(settings: PluginSettings) -> list[Alert]:
    """Make an active and a closed alert of each known type, as far as the plugin wants them."""
    filter_ = Filter(**_by_type(settings))
    names = [one.name for one in alert_types()]
    names += [one for one in map(str, settings.types) if one not in names and not _is_pattern(one)]
    alerts = []
    for name in names:
        body = sample(name)
        closed = {**body, "status": "closed", "closedAt": body["createdAt"]}
        alerts += [Alert.from_json(spell(one)) for one in (body, closed)]
    some_other = Alert.from_json(spell(sample("another_type")))
    return [one for one in alerts if filter_.matches(one, "/")] or [some_other]


def _by_type(settings: PluginSettings) -> dict[str, Any]:
    """Return the filters that a made-up alert can be compared with, for the core's Filter."""
    unwanted = {
        key: patterns for key, patterns in settings.unwanted.core_filter.items() if patterns
    }
    wanted: dict[str, Any] = {"types": settings.types, "status": settings.status}
    return wanted if unwanted.keys() - wanted.keys() else {**wanted, "not": unwanted}


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def _problem(template: TemplateText, alert: Alert, plugin: str) -> str:
    from incm_webhook.rendering import RenderError, render

    ctx = Context(plugin=plugin, endpoint="/webhook", received_at=datetime.now(UTC))
    try:
        render(template, alert, names_of(ctx))
    except RenderError as error:
        return str(error)
    return ""


def _described(alert: Alert) -> str:
    return f"{alert.type}{_CLOSED if alert.status == 'closed' else ''}"


def _named(alerts: list[str]) -> str:
    """List what fails; a type that fails both when it is active and closed is named once."""
    both = [one for one in alerts if one + _CLOSED in alerts]
    names = [one for one in alerts if one.removesuffix(_CLOSED) not in both]
    shown = [*both, *names][:_MOST_NAMED]
    more = len(both) + len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more types" if more > 0 else "")
