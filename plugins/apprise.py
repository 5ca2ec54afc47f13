"""Sends each alert to any of the services that the library Apprise knows.

[[plugin]]
use = "apprise"
isolation = "process"
config = { urls = [{ file = "apprise-url" }] }
"""

import hashlib
import re
import threading
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from incm_webhook import Alert, Context, PluginError, Retry, Template, plugin
from incm_webhook.fields import PositiveDuration
from incm_webhook.message import one_line, severity, subject, truncate_bytes, without_controls

_KINDS: dict[str, Literal["failure", "warning", "info", "success"]] = {
    "critical": "failure",
    "error": "failure",
    "warning": "warning",
    "info": "info",
    "ok": "success",
}
_TITLE, _BODY = 200, 16 * 1024  # characters, and bytes
_ELSEWHERE = {"dingtalk", "wecombot"}
# What services read as a mention: "@all", "<!here>", "<@U1>", "<#C1>".
_MENTION = re.compile(r"@(?=\w)|<(?=[!@#])")
_JOINER = "\u2060"  # invisible
# Apprise escapes the text for services that take HTML, but leaves the title as it is.
_TITLE_MARKS = str.maketrans("<>", "\u2039\u203a")
_STATE = "sent/"
_KEEP_S = 14 * 86400.0  # how long it is kept where an alert has arrived
_SWEEP_S = 3600.0


class AppriseConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        urls: Apprise's URLs, such as "ntfy://host/topic": each gets every alert.
        title: a template for the title, of which the first 200 characters are used.
        body: a template for the text, of which the first 16 KiB are used.
        mentions: whether "@all", "<!here>" and the like may mention people.
        time_limit: how long all services together may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: list[SecretStr] = Field(min_length=1)
    title: Template = "{{ subject(alert) }}"
    body: Template = "{{ text(alert) }}"
    mentions: bool = False
    time_limit: PositiveDuration = 20.0


@plugin("apprise", config=AppriseConfig, concurrency=1, timeout="60s")
class Apprise:
    """Send alerts to the services that the library Apprise knows.

    Shape: one notification for each alert and URL; all URLs at once. A repetition after a failure
    goes only to the URLs that have not accepted the alert.
    Errors: Retry when a service does not accept an alert: Apprise does not report why.
    PluginError when Apprise is missing, does not know a URL, or cannot check it.
    Threads: any; a lock is held during a notification, because Apprise's services are not made for
    several threads.
    """

    def __init__(self, config: AppriseConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._swept = -_SWEEP_S
        self._names = [_name_of(one.get_secret_value()) for one in config.urls]
        self._library, self._apprise = _services(config, self._names)

    def handle(self, alert: Alert, ctx: Context) -> None:
        """Notify each service that has not accepted this alert yet."""
        key = f"{_STATE}{ctx.delivery_key}"
        known = ctx.state.get(key) or {}
        accepted = set(known.get("urls", ()))
        missing = [name for name in self._names if name not in accepted]
        with self._lock:
            failed = self._notify(missing, alert, ctx)
        if not failed:
            if known:
                ctx.state.delete(key)
            return
        accepted |= set(missing) - set(failed)
        if accepted:
            self._sweep(ctx)
            ctx.state.set(key, {"urls": sorted(accepted), "at": time.time()})
        raise Retry(reason="; ".join(failed.values()))

    def _notify(self, names: list[str], alert: Alert, ctx: Context) -> dict[str, str]:
        """Notify these services; return why each that failed did."""
        title = one_line(ctx.render(self._config.title, alert), _TITLE)
        title = title.translate(_TITLE_MARKS)
        body = truncate_bytes(without_controls(ctx.render(self._config.body, alert)), _BODY)
        if not self._config.mentions:
            title, body = _without_mentions(title), _without_mentions(body)
        result = self._apprise.notify(
            title=title,
            body=body if body.strip() else title or subject(alert),
            notify_type=_KINDS[severity(alert)],
            body_format=self._library.NotifyFormat.TEXT,
            tag=names,
            timeout=self._config.time_limit,
            log_level=30,
        )
        failed = dict.fromkeys(names, "Apprise did not try it")
        for one in result:
            (name,) = set(one.tag) & set(names)
            failed.pop(name, None)
            if not one:
                number = self._names.index(name)
                failed[name] = f"{one_line(one.name, 60)} (urls[{number + 1}]): {_why(one)}"
        return failed

    def _sweep(self, ctx: Context) -> None:
        """Forget where alerts arrived that have become dead letters long ago."""
        if time.monotonic() - self._swept < _SWEEP_S:
            return
        self._swept = time.monotonic()
        for key, value in list(ctx.state.items(_STATE)):
            if not 0 <= time.time() - value["at"] < _KEEP_S:
                ctx.state.delete(key)


def _services(config: AppriseConfig, names: list[str]) -> tuple[Any, Any]:
    """Make an object of Apprise with a service for each URL, under its name as a tag."""
    try:
        import apprise
    except ImportError:
        raise PluginError(
            'the library Apprise is missing: pip install "incm-webhook[apprise]"'
        ) from None
    asset = apprise.AppriseAsset(
        app_id="incm-webhook",
        app_desc="incm-webhook",
        app_url="",
        async_mode=True,  # all services at once
        default_service_retry=0,
        http_redirects=False,
        interpret_emojis=False,
        interpret_escapes=False,
        pem_autogen=False,
        pgp_autogen=False,
        secure_logging=True,
        service_timeout=config.time_limit,
        storage_mode="memory",
    )
    made = apprise.Apprise(asset=asset)
    for number, (secret, name) in enumerate(zip(config.urls, names, strict=True)):
        url = secret.get_secret_value()
        place = f"config urls[{number + 1}]"
        if names.index(name) < number:
            raise PluginError(f"{place}: it is the same as urls[{names.index(name) + 1}]")
        service = apprise.Apprise.instantiate(url, asset=asset, tag=name)
        scheme = one_line(url.partition("://")[0], 20) if "://" in url else ""
        if service is None:
            about = f' of the kind "{scheme}://"' if scheme else ""
            raise PluginError(
                f"{place}: Apprise does not know this URL{about}; "
                "https://github.com/caronc/apprise/wiki lists what it knows"
            )
        if type(service).__module__.rpartition(".")[2] in _ELSEWHERE:
            raise PluginError(
                f"{place}: Apprise reports success whatever {service.service_name} "
                "answers: use the plugin im, which reads the answer"
            )
        service.request_rate_per_sec = 0  # `rate` of [[plugin]] limits the rate
        service.retry = 0
        if "overflow=" not in url:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        made.add(service)
    return apprise, made


def _name_of(url: str) -> str:
    """Return a name that differs for each URL and does not reveal it."""
    return "u" + hashlib.sha256(url.encode()).hexdigest()[:16]


def _without_mentions(line: str) -> str:
    return _MENTION.sub(rf"\g<0>{_JOINER}", line)


def _why(result: Any) -> str:
    if result.status.name == "TIMEOUT":
        return "no answer in time"
    problems = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    return one_line(problems[-1], 200) if problems else "refused"
