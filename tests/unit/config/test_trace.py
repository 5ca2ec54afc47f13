from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import ConfigError
from incm_webhook.config.loading import Settings, load_settings
from incm_webhook.config.trace import Tracing
from incm_webhook.text.redaction import redacted

Write = Callable[[str, str], Path]
UNSIGNED = "[[endpoint]]\nunsigned = true\n[[plugin]]\nuse = 'log'\n"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def load(workdir: Path, environ: dict[str, str] | None = None) -> Settings:
    return load_settings({}, environ or {}, workdir)


def tracing(workdir: Path, environ: dict[str, str] | None = None) -> Tracing | None:
    return load(workdir, environ).trace.tracing


def test_there_are_no_traces_unless_something_asks_for_them(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", UNSIGNED)
    assert tracing(workdir) is None
    assert tracing(workdir, {"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"}) is None
    for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
        assert tracing(workdir, COLLECTOR | off) is None
        assert load(workdir, COLLECTOR | off).warnings == []


def test_the_file_alone_is_enough(workdir: Path, write: Write) -> None:
    write(
        "incm-webhook.toml",
        '[trace]\nendpoint = "https://collector:4318/"\nservice_name = "alerts"\nsample = 0.25\n'
        'timeout = "2s"\n' + UNSIGNED,
    )
    assert tracing(workdir) == Tracing(
        url="https://collector:4318/v1/traces",
        service_name="alerts",
        follows=True,
        share=0.25,
        headers={},
        timeout=2.0,
        is_wanted=True,
    )


def test_the_path_of_traces_is_added_once(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", '[trace]\nendpoint = "http://c:4318/otlp/v1/traces"\n' + UNSIGNED)
    found = tracing(workdir)
    assert found is not None
    assert found.url == "http://c:4318/otlp/v1/traces"


def test_the_variables_alone_are_enough(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", UNSIGNED)
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}
    for environ in (COLLECTOR, traces, COLLECTOR | {"OTEL_TRACES_EXPORTER": "otlp"}):
        found = tracing(workdir, environ)
        assert found == Tracing(None, None, True, 1.0, {}, None, is_wanted=False), environ


def test_the_file_counts_more_than_the_variables(workdir: Path, write: Write) -> None:
    write("incm-webhook.toml", '[trace]\nendpoint = "http://a:1"\nsample = 1\n' + UNSIGNED)
    environ = COLLECTOR | {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SDK_DISABLED": "true"}
    found = tracing(workdir, environ)
    assert found is not None
    assert (found.url, found.share) == ("http://a:1/v1/traces", 1.0)


@pytest.mark.parametrize(
    ("sampler", "argument", "follows", "share"),
    [
        ("", "", True, 1.0),
        ("always_on", "", False, 1.0),
        ("always_off", "", False, 0.0),
        ("traceidratio", "0.5", False, 0.5),
        ("parentbased_always_on", "0.5", True, 1.0),
        ("parentbased_always_off", "", True, 0.0),
        ("parentbased_traceidratio", "0.125", True, 0.125),
        ("parentbased_traceidratio", "", True, 1.0),
        ("PARENTBASED_ALWAYS_OFF", "", True, 0.0),
    ],
)
def test_the_samplers_of_opentelemetry_are_known(
    workdir: Path, write: Write, sampler: str, argument: str, follows: bool, share: float
) -> None:
    write("incm-webhook.toml", UNSIGNED)
    given = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    settings = load(workdir, COLLECTOR | given)
    assert settings.trace.tracing is not None
    assert (settings.trace.tracing.follows, settings.trace.tracing.share) == (follows, share)
    assert settings.warnings == []


@pytest.mark.parametrize(
    ("given", "says", "traces"),
    [
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "jaeger_remote is not known", True),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG: 2 is no share from 0 to 1",
            True,
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"},
            "nan is no share",
            True,
        ),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "10s is no number of seconds", True),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1,b: 2"}, "HEADERS: item 2 is not sent", True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf only", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "wants the URL of a collector", False),
    ],
)
def test_a_variable_that_cannot_be_followed_is_warned_of(
    workdir: Path, write: Write, given: dict[str, str], says: str, traces: bool
) -> None:
    write("incm-webhook.toml", UNSIGNED)
    settings = load(workdir, COLLECTOR | given)
    assert (settings.trace.tracing is not None) == traces
    (warning,) = settings.warnings
    assert says in warning


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("endpoint = 4318", "[trace] endpoint: wants the URL of a collector"),
        ('endpoint = "collector:4318"', "endpoint: wants the URL of a collector"),
        ('endpoint = "grpc://collector:4317"', "endpoint: wants the URL of a collector"),
        ('endpoint = "http://:4318"', "endpoint: wants the URL of a collector"),
        ('endpoint = "http://c:99999"', "endpoint: wants the URL of a collector"),
        ('endpoint = "http://u:hunter2@c:4318"', "without user, query and fragment"),
        ('endpoint = "http://c:4318?token=hunter2"', "without user, query and fragment"),
        ("sample = 2", "sample: wants the share of traces"),
        ("sample = true", "sample: wants the share of traces"),
        ('service_name = ""', "service_name: "),
        ('timeout = "0s"', "timeout: wants a duration longer than 0"),
        ('timeout = "1h"', "timeout: wants at most 300"),
        ('headers = "a"', "headers: wants a table of headers"),
        ('headers = { "a b" = "hunter2" }', '"a b" can be no header'),
        ("headers = { a = 1 }", '"a" wants a text'),
        ('headers = { a = { env = "X", file = "y" } }', '"a" wants a text'),
        ("endpoints = 'x'", '"endpoint"'),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    workdir: Path, write: Write, line: str, says: str
) -> None:
    write("incm-webhook.toml", f"[trace]\n{line}\n{UNSIGNED}")
    with pytest.raises(ConfigError) as caught:
        load(workdir)
    assert says in str(caught.value)
    assert "incm-webhook.toml:2: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_headers_are_secrets_from_a_variable_a_file_or_the_text(
    workdir: Path, write: Write
) -> None:
    write("token", "from-the-file-8814\n")
    write(
        "incm-webhook.toml",
        '[trace]\nendpoint = "http://c:4318"\n'
        'headers = { a = { env = "TOKEN" }, b = { file = "token" }, c = "inline-7730" }\n'
        + UNSIGNED,
    )
    (workdir / "token").chmod(0o600)
    settings = load(workdir, {"TOKEN": "from-the-variable-6621"})
    assert settings.warnings == []
    found = settings.trace.tracing
    assert found is not None
    assert found.headers == {
        "a": "from-the-variable-6621",
        "b": "from-the-file-8814",
        "c": "inline-7730",
    }
    assert "6621" not in repr(found)
    for value in found.headers.values():
        assert value not in redacted(f"the collector said: {value}!")


@pytest.mark.parametrize("name", ["HEADERS", "TRACES_HEADERS"])
@pytest.mark.parametrize(
    "text", ["a=1,b=Bearer%20t0ken-of-41", "b: t0ken-of-41", "t0ken-of-41", "b=t0ken-of-41,"]
)
def test_headers_of_variables_are_secrets_also_when_they_are_mistyped(
    workdir: Path, write: Write, name: str, text: str
) -> None:
    write("incm-webhook.toml", UNSIGNED)
    settings = load(workdir, COLLECTOR | {f"OTEL_EXPORTER_OTLP_{name}": text})
    assert not [one for one in settings.warnings if "t0ken" in one]
    for item in text.split(","):
        assert "t0ken" not in redacted(f"Header format invalid: {item}")


def test_a_token_that_others_may_read_is_warned_of(workdir: Path, write: Write) -> None:
    write("token", "hunter2")
    (workdir / "token").chmod(0o644)
    write(
        "incm-webhook.toml",
        '[trace]\nendpoint = "http://c:4318"\n'
        'headers = { Authorization = "Bearer hunter2", x-api-token = { file = "token" } }\n'
        + UNSIGNED,
    )
    inline, file = load(workdir).warnings
    assert '"Authorization" is written in the configuration itself' in inline
    assert f"chmod o-r {workdir / 'token'}" in file
    assert "hunter2" not in inline + file


@pytest.mark.parametrize(
    ("header", "environ", "says"),
    [
        ('{ env = "TOKEN" }', {}, '"a": the environment variable TOKEN is not set, or empty'),
        ('{ file = "nothing" }', {}, '"a": cannot read the secret file'),
        ('{ env = "TOKEN" }', {"TOKEN": "hunter2\nX: y"}, '"a": its value has characters'),
        ('" hunter2"', {}, '"a": its value begins or ends with a blank'),
        ('{ env = "TOKEN" }', {"TOKEN": "hunter2 "}, '"a": its value begins or ends'),
        ('"hünter2"', {}, '"a": its value has characters'),
    ],
)
def test_a_header_without_a_value_is_refused(
    workdir: Path, write: Write, header: str, environ: dict[str, str], says: str
) -> None:
    write(
        "incm-webhook.toml",
        f'[trace]\nendpoint = "http://c:4318"\nheaders = {{ a = {header} }}\n{UNSIGNED}',
    )
    with pytest.raises(ConfigError) as caught:
        load(workdir, environ)
    assert f"incm-webhook.toml:3: [trace] headers: {says}" in str(caught.value)
    assert "nter2" not in str(caught.value)
