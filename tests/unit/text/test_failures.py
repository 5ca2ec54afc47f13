"""An exception is described in a short line with the plugin's own place; tracebacks are bounded."""

import asyncio
import contextlib
import functools
import importlib
import json
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from incm_webhook import Reject, Retry, Unavailable
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import registry
from incm_webhook.hosting.attempt import Attempt, time_out
from incm_webhook.hosting.event_loop import EventLoop
from incm_webhook.text.failures import LINE_BYTES, OwnCode, account_of, own_code_of
from incm_webhook.text.tracebacks import TRACEBACK_BYTES, traceback_of

DEADLINE_S = 30.0  # only a test that fails waits so long
HERE = OwnCode((__file__,))


def raised(action: Callable[[], Any]) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def fail(error: BaseException) -> Any:
    raise error


def test_the_place_is_the_deepest_frame_of_the_plugins_own_file() -> None:
    error = raised(lambda: json.loads("{"))
    account = account_of(error, HERE)
    assert account.line.startswith("JSONDecodeError: Expecting property name")
    assert " (test_failures.py:" in account.line
    assert "decoder.py" in traceback_of(error)


def test_without_a_frame_of_its_own_the_place_is_the_last_one() -> None:
    assert "json/decoder.py:" in account_of(raised(lambda: json.loads("{"))).line


def test_the_place_in_a_package_begins_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "acme_pager"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "inner" / "__init__.py").touch()
    (package / "inner" / "target.py").write_text("import json\ndef send():\n    json.loads('{')\n")
    (package / "pager.py").write_text(
        "from acme_pager.inner.target import send\ndef on_alert(alert):\n    send()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugin = registry.load(PluginSettings(use="acme_pager.pager:on_alert"), tmp_path)
    error = raised(lambda: plugin.handle(None, plugin.context()))
    assert account_of(error, plugin.code).line.endswith(" (acme_pager/inner/target.py:3)")
    for name in [one for one in sys.modules if one.startswith("acme_pager")]:
        del sys.modules[name]


def test_only_the_file_of_a_bundled_plugin_is_its_own() -> None:
    module = importlib.import_module("incm_webhook.plugins.jsonl")
    assert own_code_of(module).places == (module.__file__,)


def test_a_text_of_five_million_characters_is_cut_and_its_length_given() -> None:
    error = raised(lambda: fail(RuntimeError("x" * 5_000_000)))
    account = account_of(error, HERE)
    assert len(account.line.encode()) <= LINE_BYTES
    assert "... (5,000,000 characters) (test_failures.py:" in account.line
    assert len(account.traceback.encode()) <= TRACEBACK_BYTES
    assert len(account_of(RuntimeError("仓" * 5_000_000), HERE).line.encode()) <= LINE_BYTES


def test_a_failure_is_one_line_and_nothing_in_it_obeyed_by_a_terminal() -> None:
    account = account_of(raised(lambda: fail(ValueError("a\nb\x1b[31m\u202e\ud800"))), HERE)
    assert account.line.isprintable()
    assert r"a\nb\x1b[31m\u202e\ud800" in account.line
    assert all(line.isprintable() for line in account.traceback.split("\n"))


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class UnreadableError(Exception):
    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        raise RuntimeError("no")


@pytest.mark.parametrize("kind", [UnspeakableError, UnreadableError])
def test_an_exception_without_a_readable_text_is_described_by_its_name(
    kind: type[Exception],
) -> None:
    line = account_of(raised(lambda: fail(kind())), HERE).line
    assert line.startswith(f"{kind.__name__}: ")


def test_a_group_lists_what_is_in_it_and_where() -> None:
    async def one() -> None:
        json.loads("{")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(one())
            group.create_task(one())

    account = account_of(raised(lambda: asyncio.run(both())), HERE)
    assert account.line.count("JSONDecodeError: Expecting property name") == 2
    assert " (test_failures.py:" in account.kind


def test_a_group_of_many_is_described_by_its_first_and_their_number() -> None:
    inner = ExceptionGroup("inner", [ValueError("x" * 10_000), *(KeyError(i) for i in range(400))])
    line = account_of(ExceptionGroup("outer", [inner, TypeError("t")]), HERE).line
    assert len(line.encode()) <= LINE_BYTES
    assert line.endswith("; and 399 more")


def test_a_traceback_names_what_an_exception_comes_from() -> None:
    def chained() -> None:
        try:
            json.loads("{")
        except ValueError as error:
            raise RuntimeError("cannot page") from error

    trace = traceback_of(raised(chained))
    assert "JSONDecodeError" in trace
    assert "direct cause of the following exception" in trace
    assert trace.endswith("RuntimeError: cannot page")


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    def down(left: int) -> None:
        if not left:
            raise RuntimeError("deep")
        further(left - 1)

    def further(left: int) -> None:  # Python shows the same line again and again by its number
        down(left)

    trace = traceback_of(raised(lambda: down(200)))
    assert len(trace.encode()) <= TRACEBACK_BYTES
    assert trace.startswith("Traceback (most recent call last):")
    assert re.search(r"\n  \[3\d\d frames left out\]\n", trace)
    assert trace.endswith("RuntimeError: deep")


def test_a_chain_of_a_thousand_is_bounded() -> None:
    error: BaseException = RuntimeError("first")
    for number in range(1000):
        following = RuntimeError(str(number))
        following.__cause__ = error
        error = following
    assert len(traceback_of(error).encode()) <= TRACEBACK_BYTES


def test_secret_parts_of_urls_are_in_neither() -> None:
    url = "https://hooks.example.com/services/T0/B0/topsecret?sig=alsosecret"
    account = account_of(raised(lambda: fail(RuntimeError(f"404 for url '{url}'"))), HERE)
    for text in (account.line, account.traceback):
        assert "https://hooks.example.com/services/…?…" in text
        assert "topsecret'" not in text


def test_failures_of_one_kind_differ_in_their_text_only() -> None:
    errors = [raised(functools.partial(fail, ValueError(one))) for one in "ab"]
    assert account_of(errors[0], HERE).kind == account_of(errors[1], HERE).kind


def test_only_the_reason_of_a_rejection_is_shown() -> None:
    for outcome in (Reject, Unavailable):
        error = raised(functools.partial(fail, outcome("no such user")))
        assert account_of(error, HERE).line == "no such user"


def test_a_wish_that_was_never_raised_has_no_traceback() -> None:
    assert account_of(Retry(3)).line == "Retry: try again after 3 s"
    assert account_of(Retry(3)).traceback == ""


def test_the_place_of_a_thread_that_the_plugin_started_is_its_own() -> None:
    caught: list[BaseException] = []

    def work() -> None:
        caught.append(raised(lambda: json.loads("{")))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert " (test_failures.py:" in account_of(caught[0], HERE).line


def timed_out(
    run: Callable[[EventLoop], object], entered: threading.Event, leave: Callable[[], None]
) -> str:
    """The text about an attempt that has entered its handler."""
    attempts: list[Attempt] = []
    loop = EventLoop("x")

    def work() -> None:
        first: Any = SimpleNamespace(attempt=1)
        attempts.append(Attempt([first], deque()))
        with contextlib.suppress(CancelledError):
            run(loop)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert entered.wait(DEADLINE_S)
    line = time_out(attempts[0], 3, HERE, loop).account.line
    leave()
    loop.stop()
    thread.join()
    return line


def test_a_time_out_names_the_line_where_the_handler_is() -> None:
    entered, left = threading.Event(), threading.Event()

    def hangs() -> None:
        entered.set() or left.wait(DEADLINE_S)  # type: ignore[func-returns-value]

    line = timed_out(lambda _: hangs(), entered, left.set)
    place = hangs.__code__.co_firstlineno + 1
    assert line == f"TimeoutError: no result within 3 s (test_failures.py:{place})"


def test_a_time_out_names_the_line_where_an_asynchronous_handler_waits() -> None:
    entered = threading.Event()

    async def inner() -> None:
        await (entered.set() or asyncio.sleep(DEADLINE_S))  # type: ignore[func-returns-value]

    async def waits() -> None:
        await inner()

    line = timed_out(lambda loop: loop.run(waits(), DEADLINE_S), entered, lambda: None)
    place = inner.__code__.co_firstlineno + 1
    assert line == f"TimeoutError: no result within 3 s (test_failures.py:{place})"
