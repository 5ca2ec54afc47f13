import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import ConfigError
from incm_webhook.check.findings import Report
from incm_webhook.check.traces import check_traces
from incm_webhook.config.loading import load_settings
from incm_webhook.tracing import attempts
from incm_webhook.tracing.sending import prepare

Write = Callable[[str, str], Path]
UNSIGNED = "[[endpoint]]\nunsigned = true\n"
TABLE = '[trace]\nendpoint = "http://collector:4318"\n'
NEEDED = 'pip install "incm-webhook[otel]"'
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


def checked(
    workdir: Path, capsys: pytest.CaptureFixture[str], environ: dict[str, str]
) -> tuple[int, str, str]:
    """What `check` finds about traces: its status, and what it prints on both streams."""
    report = Report()
    check_traces(load_settings({}, environ, workdir), report, connect=False)
    status = report.close()
    return status, *capsys.readouterr()


def test_check_says_where_spans_go(
    workdir: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("incm-webhook.toml", UNSIGNED)
    assert checked(workdir, capsys, {})[:2] == (0, "all is well\n")
    _, out, _ = checked(workdir, capsys, COLLECTOR)
    assert "traces: spans go to the collector of OTEL_* variables" in out
    write("incm-webhook.toml", TABLE + "sample = 0.25\n" + UNSIGNED)
    _, out, _ = checked(workdir, capsys, {})
    assert "25% of the traces: spans go to http://collector:4318/v1/traces" in out


@pytest.mark.usefixtures("without_the_extra")
def test_a_table_without_the_extra_is_an_error_at_check_and_at_start(
    workdir: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("incm-webhook.toml", TABLE + UNSIGNED)
    status, _, err = checked(workdir, capsys, {})
    assert status == 2
    assert NEEDED in err
    assert "incm-webhook.toml:2: [trace] endpoint: " in err
    tracing = load_settings({}, {}, workdir).trace.tracing
    with pytest.raises(ConfigError, match="OpenTelemetry is missing: pip install"):
        prepare(tracing, lambda _follows, _share: pytest.fail("nothing can be recorded"))


@pytest.mark.usefixtures("without_the_extra")
def test_a_variable_without_the_extra_is_a_warning_at_check_and_at_start(
    workdir: Path,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    write("incm-webhook.toml", UNSIGNED)
    status, out, _ = checked(workdir, capsys, COLLECTOR)
    assert status == 0
    assert "warning: there are no traces, which OTEL_* variables ask for: the lib" in out
    assert NEEDED in out
    tracing = load_settings({}, COLLECTOR, workdir).trace.tracing
    sender = prepare(tracing, lambda _follows, _share: pytest.fail("nothing can be recorded"))
    assert sender.requests is None
    assert attempts.current() is None
    assert NEEDED in caplog.text
