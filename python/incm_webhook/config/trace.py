"""The model of `[trace]`: where spans of traces are sent, and which traces are recorded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, StrictStr

from incm_webhook.config.endpoint import SecretSource
from incm_webhook.config.secrets import (
    Secret,
    is_readable_by_others,
    locate_secret_file,
    read_secret_file,
)
from incm_webhook.config.types import PositiveDuration, Table
from incm_webhook.config.written import Written, key
from incm_webhook.errors import ConfigError
from incm_webhook.text.printable import printable
from incm_webhook.text.redaction import hide

_PATH = "/v1/traces"  # of OTLP/HTTP
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_SECRET_NAME = re.compile("auth|token|key|secret", re.IGNORECASE)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_SAMPLERS = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}  # whether the sender's decision counts, and the share of the others; None: it is an argument
_SECRET = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        *(
            {
                "type": "object",
                "properties": {name: {"type": "string", "minLength": 1}},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("env", "file")
        ),
    ]
}


@dataclass(frozen=True, slots=True)
class Tracing:
    """How spans are made and sent.

    Attributes:
        url: where the spans are posted; None leaves it to the OTEL_* variables.
        service_name: None leaves it to the OTEL_* variables.
        follows: whether the decision of a sender that sent a trace counts.
        share: the share of the other traces that are recorded, from 0 to 1.
        headers: for each request; their values are secrets.
        timeout: of one request, in seconds; None leaves it to the OTEL_* variables.
        is_wanted: whether the file asks for traces, not only a variable.
    """

    url: str | None
    service_name: str | None
    follows: bool
    share: float
    headers: Mapping[str, str] = field(repr=False)
    timeout: float | None
    is_wanted: bool


def _collector(value: object) -> str:
    text = 'wants the URL of a collector, such as "http://collector:4318"'
    if not isinstance(value, str):
        raise ValueError(text)  # noqa: TRY004 - pydantic's way
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not value.isprintable() or " " in value:
        raise ValueError(text)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{text}, without user, query and fragment: headers may have a token")
    return value


def _headers(value: object) -> dict[str, SecretSource]:
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic's way
            'wants a table of headers, such as { Authorization = { env = "COLLECTOR_TOKEN" } }'
        )
    return {str(name): _source(str(name), one) for name, one in value.items()}


def _source(name: str, value: object) -> SecretSource:
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" can be no header: letters, digits and hyphens can')
    if isinstance(value, SecretSource):
        return value
    if isinstance(value, str) and value:
        return SecretSource(inline=Secret(value.encode()))
    if isinstance(value, dict) and len(value) == 1 and set(value) <= {"env", "file"}:
        (text,) = value.values()
        if isinstance(text, str) and text:
            return SecretSource(**value)
    raise ValueError(
        f'"{name}" wants a text, {{ env = "NAME" }} or {{ file = "FILE" }} with its value'
    )


def _share(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError("wants the share of traces to record, from 0 to 1, such as 0.1")


def _write_headers(headers: Mapping[str, SecretSource]) -> dict[str, Any] | None:
    """Write the headers without the values that stand in the text itself."""
    return {
        name: "***"
        if one.inline is not None
        else {"env": one.env}
        if one.env
        else {"file": one.file}
        for name, one in headers.items()
    } or None


class TraceSettings(Table):
    """`[trace]`: where spans are sent, and which traces are recorded."""

    endpoint: Annotated[
        str | None,
        BeforeValidator(_collector),
        Written("URL", {"type": "string", "pattern": "^https?://"}),
    ] = key(
        None,
        "URL of the OpenTelemetry collector that gets the spans, by OTLP/HTTP; /v1/traces is added "
        "to it",
        example="http://collector:4318",
        without="that of OTEL_EXPORTER_OTLP_ENDPOINT, else there are no traces",
    )
    service_name: Annotated[StrictStr, Field(min_length=1)] = key(
        "incm-webhook", "Name under which the spans appear"
    )
    sample: Annotated[
        float,
        BeforeValidator(_share),
        Written("share", {"type": "number", "minimum": 0, "maximum": 1}),
    ] = key(
        1.0,
        "Share of the traces that begin here which are recorded; for the others, what their sender "
        "decided holds",
        example=0.1,
    )
    headers: Annotated[
        dict[str, SecretSource],
        BeforeValidator(_headers),
        Written(
            "table of headers", {"type": "object", "additionalProperties": _SECRET}, _write_headers
        ),
    ] = key(
        {},
        "Headers of the requests to the collector",
        example={"Authorization": {"env": "COLLECTOR_TOKEN"}},
        without="none",
    )
    timeout: Annotated[PositiveDuration, Field(le=300)] = key(
        10.0, "How long the collector may take for one request; at most 5 min"
    )
    _tracing: Tracing | None = PrivateAttr(default=None)
    _warnings: list[str] = PrivateAttr(default_factory=list)

    @property
    def tracing(self) -> Tracing | None:
        """How spans are made and sent; None when there are no traces."""
        return self._tracing

    @property
    def tracing_warnings(self) -> list[str]:
        """The warnings about headers, and about variables that cannot be followed."""
        return self._warnings

    def read(self, environ: Mapping[str, str], base: Path) -> list[str]:
        """Read the headers and the OTEL_* variables; only for `load_settings`.

        A key of the file counts more than a variable.

        Args:
            environ: the environment.
            base: the folder that relative files are relative to.

        Returns:
            A sentence for each header that cannot be read.
        """
        self._warnings.clear()
        self._tracing = None
        if self.endpoint is None and not self._is_enabled_by(environ):
            return []
        for name in _HEADERS:
            _hide_headers(environ.get(name, ""))
        self._warnings.extend(self._oddities_of_variables(environ))
        problems: list[str] = []
        headers = {}
        for name, source in self.headers.items():
            try:
                headers[name] = _header_value(source, environ, base)
            except ConfigError as error:
                problems.append(f'headers: "{name}": {error}')
            self._warnings.extend(_oddities_of(name, source, environ, base))
        follows, share = True, self.sample
        if "sample" not in self.model_fields_set:
            follows, share = self._sampler_of(environ)
        given = self.model_fields_set
        self._tracing = Tracing(
            url=None if self.endpoint is None else _url_of(self.endpoint),
            service_name=self.service_name if "service_name" in given else None,
            follows=follows,
            share=share,
            headers=headers,
            timeout=self.timeout if "timeout" in given else None,
            is_wanted=self.endpoint is not None,
        )
        return problems

    def _oddities_of_variables(self, environ: Mapping[str, str]) -> Iterator[str]:
        """Describe what the SDK will ignore, a sentence each; a key of the file counts more."""
        name = next((one for one in _HEADERS if environ.get(one)), None)
        if name is not None and not self.headers:
            for number, item in enumerate(environ[name].split(","), 1):
                header, equals, _ = item.partition("=")
                if item.strip() and not (equals and _NAME.fullmatch(header.strip())):
                    yield f"{name}: item {number} is not sent: it wants the form NAME=VALUE"
        name = next((one for one in _TIMEOUTS if environ.get(one)), None)
        if name is not None and "timeout" not in self.model_fields_set:
            try:
                float(environ[name])
            except ValueError:
                yield f"{name}: {printable(environ[name])} is no number of seconds, such as 10"

    def _is_enabled_by(self, environ: Mapping[str, str]) -> bool:
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return False
        if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in ("", "otlp"):
            return False
        for name in _ENDPOINTS:
            url = environ.get(name, "").strip()
            if not url:
                continue
            try:
                _collector(url)
            except ValueError as error:
                self._warnings.append(f"there are no traces: {name}: {error}")
                return False
            return self._speaks_http(environ)
        return False

    def _speaks_http(self, environ: Mapping[str, str]) -> bool:
        name = next((one for one in _PROTOCOLS if environ.get(one, "").strip()), None)
        if name is None or environ[name].strip() == "http/protobuf":
            return True
        self._warnings.append(
            f"there are no traces: {name} is {printable(environ[name])}, and spans can be sent by "
            "http/protobuf only (port 4318 of a collector)"
        )
        return False

    def _sampler_of(self, environ: Mapping[str, str]) -> tuple[bool, float]:
        name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
        if name and name not in _SAMPLERS:
            self._warnings.append(
                f"OTEL_TRACES_SAMPLER: {printable(name)} is not known, so every trace is recorded "
                f"that its sender does not refuse: use one of {', '.join(_SAMPLERS)}"
            )
        follows, share = _SAMPLERS.get(name, (True, 1.0))
        if share is not None:
            return follows, share
        text = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
        try:
            return follows, _share(float(text or 1))
        except ValueError:
            self._warnings.append(
                f"OTEL_TRACES_SAMPLER_ARG: {printable(text)} is no share from 0 to 1, so every "
                "trace is recorded"
            )
            return follows, 1.0


def _url_of(endpoint: str) -> str:
    url = endpoint.rstrip("/")
    return url if url.endswith(_PATH) else url + _PATH


def _oddities_of(
    name: str, source: SecretSource, environ: Mapping[str, str], base: Path
) -> Iterator[str]:
    """Describe how others may read the value of a header, a sentence each."""
    if source.inline is not None and _SECRET_NAME.search(name):
        yield (
            f'[trace] headers: "{name}" is written in the configuration itself: '
            '{ file = "FILE" } or { env = "NAME" } keeps it apart'
        )
    if source.file is not None:
        path = locate_secret_file(source.file, base, environ)
        if is_readable_by_others(path):
            yield (
                f'[trace] headers: every user of this machine may read "{name}" in {path}; '
                f"chmod o-r {path} ends that"
            )


def _hide_headers(text: str) -> None:
    """Hide what a variable with headers has, also when it is mistyped."""
    hide(text)
    for item in text.split(","):
        _, equals, value = item.partition("=")
        value = (value if equals else item).strip()
        hide(value)
        hide(unquote(value))


def _header_value(source: SecretSource, environ: Mapping[str, str], base: Path) -> str:
    if source.env is not None:
        value = environ.get(source.env, "")
        if not value:
            raise ConfigError(f"the environment variable {source.env} is not set, or empty")
    elif source.file is not None:
        found = read_secret_file(locate_secret_file(source.file, base, environ)).reveal()
        value = found.decode(errors="surrogateescape")
    else:
        assert source.inline is not None  # noqa: S101 - the only one left
        value = source.inline.reveal().decode()
    hide(value)
    if not all(" " <= one <= "~" for one in value):
        raise ConfigError("its value has characters that no header may have: only printable ASCII")
    if value != value.strip():
        raise ConfigError("its value begins or ends with a blank, which no header may")
    return value
