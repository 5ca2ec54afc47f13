"""A plugin in its own process: what it raises comes back, what it breaks is killed and replaced."""

import errno
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incm_webhook import Alert, Context, PluginError, Reject, Retry, Unavailable
from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting import isolated_plugin
from incm_webhook.hosting.isolated_plugin import (
    IsolatedPlugin,
    WorkerDied,
    WorkerError,
    WorkerFailure,
    WorkerLost,
    WorkerTimeout,
)
from incm_webhook.hosting.worker_process import WorkerProcess
from incm_webhook.testing import make_alert

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0  # only a test that fails waits so long
SHORT_S = 0.3  # the time-out of a call that is meant to exceed it
MIB = 1024 * 1024


def facts_of(
    alert_id: int = 1, attempt: int = 1, delivery_key: str = "k-1", endpoint: str = "/webhook"
) -> Context:
    return Context(
        alert_id=alert_id,
        attempt=attempt,
        delivery_key=delivery_key,
        endpoint=endpoint,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Pipe:
    """A named pipe: a plugin writes to it, or holds it open for as long as it lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def read(self) -> bytes:
        """Wait for bytes; b"" when no process has it open any more."""
        assert self._poll.poll(DEADLINE_S * 1000), "nothing came, and a process still has it open"
        return os.read(self._descriptor, 65536)

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    one = Pipe(tmp_path / "pipe")
    yield one
    one.close()


Isolate = Callable[..., IsolatedPlugin]


@pytest.fixture
def isolate(tmp_path: Path) -> Iterator[Isolate]:
    """Load a source as a plugin in its own process; set it up if `setup`."""
    made: list[IsolatedPlugin] = []

    def load(
        source: str, *, memory: int = 256 * MIB, setup: bool = True, **settings: Any
    ) -> IsolatedPlugin:
        (tmp_path / "mine.py").write_text(textwrap.dedent(source))
        spec = PluginSettings(use="./mine.py", **{"timeout": DEADLINE_S, **settings})
        plugin = IsolatedPlugin(spec, tmp_path, memory)
        made.append(plugin)
        if setup:
            plugin.setup()
        return plugin

    yield load
    for plugin in made:
        plugin.close(0.0)


def handle(plugin: IsolatedPlugin, kind: str = "reboot", **facts: Any) -> None:
    alert = make_alert(kind)
    assert (
        plugin.handle([alert] if plugin.batch else alert, plugin.context([facts_of(**facts)]))
        is None
    )


def patience(plugin: IsolatedPlugin, timeout: float) -> None:
    plugin.settings = plugin.settings.model_copy(update={"timeout": timeout})


# A handler that does what the alert's type names, and otherwise writes its process number.
WILD = """
    import contextlib, ctypes, os, signal, sys, threading
    from pathlib import Path
    from incm_webhook import Reject, Retry, Unavailable

    class Sulky(Exception):
        def __str__(self):
            raise ValueError

    def on_alert(alert, ctx):
        match alert.type:
            case "pid": Path(PIPE).write_text(f"{os.getpid()}\\n")
            case "retry": raise Retry(after=42)
            case "reject": raise Reject("no\\x1b such device")
            case "unavailable": raise Unavailable("401:\\x1b wrong key")
            case "error": raise ValueError("no Slack\\ntoday")
            case "long": raise ValueError("x\\N{SNOWMAN}" * 1_000_000)
            case "sulky": raise Sulky
            case "leave": sys.exit(3)
            case "interrupt": raise KeyboardInterrupt
            case "hang": threading.Event().wait()
            case "spin":
                while True: pass
            case "hold the lock": ctypes.PyDLL(None).pause()
            case "exit": os._exit(3)
            case "crash": ctypes.string_at(0)
            case "killed": os.kill(os.getpid(), signal.SIGKILL)
            case "shut": os.closerange(3, 1000)
            case "garbage" | "an answer":
                what = b"garbage" * 100
                if alert.type == "an answer":
                    text = b'{"call": 1, "outcome": "delivered"}'
                    what = len(text).to_bytes(4, "big") + bytes(4) + text
                for one in {int(name) for name in os.listdir("/proc/self/fd")} - {2}:
                    with contextlib.suppress(OSError):
                        os.write(one, what)
"""
GARBAGE = """
import contextlib, os
for one in {int(name) for name in os.listdir("/proc/self/fd")} - {2}:
    with contextlib.suppress(OSError):
        os.write(one, b"garbage" * 100)
def on_alert(alert): pass
"""


@pytest.fixture
def wild(isolate: Isolate, pipe: Pipe) -> IsolatedPlugin:
    return isolate(WILD.replace("PIPE", repr(str(pipe.path))))


def pid_of(plugin: IsolatedPlugin, pipe: Pipe) -> int:
    handle(plugin, "pid")
    return int(pipe.read())


def test_an_alert_arrives_whole(isolate: Isolate, tmp_path: Path) -> None:
    plugin = isolate(
        """
        def on_alert(alert, ctx):
            ctx.config["seen"].append(1)
            with open("OUT", "wb") as file:
                file.write(alert.raw + repr((ctx.plugin, ctx.attempt, ctx.delivery_key,
                    ctx.alert_id, ctx.endpoint, str(ctx.received_at), ctx.config)).encode())
        """.replace("OUT", str(tmp_path / "out")),
        config={"day": datetime(2026, 1, 2).date(), "seen": []},
    )
    alert = Alert.from_json('{"type": "x", "content": "caf\u00e9"}')
    plugin.handle(alert, plugin.context([facts_of(7, 2, "k-7", "/in")]))
    facts = (
        "('mine', 2, 'k-7', 7, '/in', '2026-01-01 00:00:00+00:00', "
        "{'day': datetime.date(2026, 1, 2), 'seen': [1]})"
    )
    assert (tmp_path / "out").read_bytes() == alert.raw + facts.encode()


def test_a_batch_arrives_in_order(isolate: Isolate, tmp_path: Path) -> None:
    plugin = isolate(
        """
        from pathlib import Path

        class Batch:
            async def handle_batch(self, alerts, ctx):
                Path("OUT").write_text(repr([(alert.type, one.alert_id) for alert, one in
                    zip(alerts, ctx.each, strict=True)] + [ctx.delivery_keys]))
        """.replace("OUT", str(tmp_path / "out"))
    )
    assert plugin.batch
    alerts = [make_alert("a"), make_alert("b")]
    plugin.handle(alerts, plugin.context([facts_of(1), facts_of(2, delivery_key="k-2")]))
    assert (tmp_path / "out").read_text() == "[('a', 1), ('b', 2), ('k-1', 'k-2')]"


def test_what_a_handler_raises_comes_back(wild: IsolatedPlugin, pipe: Pipe) -> None:
    before = pid_of(wild, pipe)
    with pytest.raises(Retry) as retry:
        handle(wild, "retry")
    assert retry.value.after == 42
    with pytest.raises(Reject) as reject:
        handle(wild, "reject")
    assert reject.value.reason == r"no\x1b such device"
    with pytest.raises(Unavailable) as unavailable:
        handle(wild, "unavailable")
    assert unavailable.value.reason == r"401:\x1b wrong key"
    for kind, text in {
        "error": r"ValueError: no Slack\ntoday (",
        "long": "ValueError: x\N{SNOWMAN}x",
        "sulky": "Sulky",
        "leave": "SystemExit: 3 (",
        "interrupt": "KeyboardInterrupt: no text (",
    }.items():
        with pytest.raises(WorkerFailure) as failure:
            handle(wild, kind)
        assert str(failure.value).startswith(text)
    assert pid_of(wild, pipe) == before


def test_on_dead_is_called_while_all_handlers_run(isolate: Isolate, tmp_path: Path) -> None:
    plugin = isolate(
        """
        import threading
        from pathlib import Path

        let_go = threading.Event()

        def on_alert(alert):
            let_go.wait()

        def on_dead(alert, ctx, reason):
            Path("OUT").write_text(f"{alert.type} {ctx.alert_id} {reason}")
            let_go.set()
            if alert.type == "sulky":
                raise ValueError("no")
        """.replace("OUT", str(tmp_path / "out")),
        concurrency=1,
    )
    assert plugin.wants_dead
    busy = threading.Thread(target=handle, args=(plugin,))
    busy.start()
    plugin.on_dead(make_alert("reboot"), plugin.context([facts_of(7)]), "gone")
    busy.join()
    assert (tmp_path / "out").read_text() == "reboot 7 gone"
    with pytest.raises(WorkerFailure, match="ValueError: no"):
        plugin.on_dead(make_alert("sulky"), plugin.context([facts_of(8)]), "gone")


@pytest.mark.parametrize("kind", ["hang", "spin", "hold the lock"])
def test_a_hanging_call_is_killed_and_the_next_one_works(
    wild: IsolatedPlugin, pipe: Pipe, kind: str
) -> None:
    before = pid_of(wild, pipe)
    patience(wild, SHORT_S)
    with pytest.raises(WorkerTimeout, match=r"^TimeoutError: no result within 0\.3 s$"):
        handle(wild, kind)
    patience(wild, DEADLINE_S)
    assert pid_of(wild, pipe) != before


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("exit", "its process ended with exit status 3"),
        ("crash", "its process was killed by signal 11 (SIGSEGV)"),
        ("killed", "its process was killed by signal 9 (SIGKILL)"),
        ("garbage", "its process was killed: it wrote nonsense where its answers are read"),
    ],
)
def test_a_death_is_reported_and_the_next_call_works(
    wild: IsolatedPlugin, pipe: Pipe, kind: str, text: str
) -> None:
    before = pid_of(wild, pipe)
    with pytest.raises(WorkerDied) as died:
        handle(wild, kind)
    assert str(died.value) == text
    assert pid_of(wild, pipe) != before


def test_a_process_that_closes_its_sockets_is_replaced(
    wild: IsolatedPlugin, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incm_webhook.hosting.worker_process._EXIT_S", SHORT_S)
    before = pid_of(wild, pipe)
    with pytest.raises(WorkerDied):
        handle(wild, "shut")
    assert pid_of(wild, pipe) != before


def test_a_forged_answer_settles_no_other_call(wild: IsolatedPlugin) -> None:
    def call_again() -> None:
        for _ in range(3):  # the first may get the forged answer, and leaves its own behind
            handle(wild, "an answer")

    with pytest.raises(WorkerDied, match="nonsense"):
        call_again()


def test_a_call_that_shares_the_process_with_a_hanging_one_is_no_attempt(
    isolate: Isolate, pipe: Pipe
) -> None:
    plugin = isolate(
        f"""
        import threading

        def on_alert(alert, ctx):
            with open({str(pipe.path)!r}, "w") as pipe:
                pipe.write("here")
            threading.Event().wait()
        """
    )
    with ThreadPoolExecutor() as threads:
        patience(plugin, SHORT_S)
        hanging = threads.submit(handle, plugin)
        assert pipe.read() == b"here"
        patience(plugin, DEADLINE_S)
        other = threads.submit(handle, plugin)
        assert isinstance(hanging.exception(DEADLINE_S), WorkerTimeout)
        assert isinstance(other.exception(DEADLINE_S), WorkerLost)


def test_as_many_calls_run_at_once_as_concurrency_says(isolate: Isolate) -> None:
    for handler in (
        "import threading; gate = threading.Barrier(3)\ndef on_alert(alert): gate.wait()",
        "import asyncio; gate = asyncio.Barrier(3)\nasync def on_alert(alert): await gate.wait()",
    ):
        plugin = isolate(handler, concurrency=3)
        with ThreadPoolExecutor() as threads:
            for one in [threads.submit(handle, plugin) for _ in range(9)]:
                one.result(DEADLINE_S)


@pytest.mark.parametrize(
    "eat",
    [
        "eaten = bytes(1 << 30)",
        "eaten = [list(range(1000)) for _ in range(1 << 20)]",
        "while True: shared.append(mmap.mmap(-1, 1 << 20)); shared[-1].write(bytes(1 << 20))",
    ],
    ids=["at once", "bit by bit", "shared memory"],
)
def test_a_memory_eater_is_killed(isolate: Isolate, pipe: Pipe, eat: str) -> None:
    plugin = isolate(
        f"""
        import mmap
        shared = []
        held = open({str(pipe.path)!r}, "w")

        def on_alert(alert, ctx):
            if alert.type == "eat":
                {eat}
        """,
        memory=128 * MIB,
    )
    with pytest.raises(WorkerDied) as died:
        handle(plugin, "eat")
    assert str(died.value) == "its process used more than 128MiB of memory"
    assert pipe.read() == b""
    handle(plugin)


def test_memory_within_the_limit_is_not_minded(isolate: Isolate) -> None:
    plugin = isolate(
        "kept = bytearray(200 << 20)\ndef on_alert(alert): bytearray(90 << 20)", memory=128 * MIB
    )
    for _ in range(20):
        handle(plugin)


def test_what_a_plugin_forks_ends_with_it(isolate: Isolate, pipe: Pipe) -> None:
    plugin = isolate(
        f"""
        import os, signal, subprocess
        held = open({str(pipe.path)!r}, "w")

        def on_alert(alert, ctx):
            subprocess.Popen(["sleep", "1000"], pass_fds=[held.fileno()])
            if os.fork() == 0:
                signal.pause()
        """
    )
    handle(plugin)
    plugin.close()
    assert pipe.read() == b""


def test_stop_signals_are_the_receivers_affair(wild: IsolatedPlugin, pipe: Pipe) -> None:
    pid = pid_of(wild, pipe)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    assert pid_of(wild, pipe) == pid


def test_a_plugin_can_terminate_what_it_starts(isolate: Isolate) -> None:
    plugin = isolate(
        """
        import os, signal, subprocess

        def on_alert(alert, ctx):
            started = subprocess.Popen(["sleep", "1000"])
            started.terminate()
            near, far = os.pipe()
            forked = os.fork()
            if forked == 0:
                os.write(far, b"x")
                signal.pause()
            os.read(near, 1)
            os.kill(forked, signal.SIGTERM)
            ends = [-started.wait(), os.waitpid(forked, 0)[1]]
            if ends != [15, 15]:
                raise ValueError(ends)
        """
    )
    handle(plugin)


def test_what_a_plugin_starts_gets_no_socket_of_ours(isolate: Isolate) -> None:
    plugin = isolate(
        """
        import contextlib, os

        def on_alert(alert):
            for one in map(int, os.listdir("/proc/self/fd")):
                with contextlib.suppress(OSError):  # that of the folder is closed
                    if one > 2 and os.get_inheritable(one):
                        raise ValueError(os.readlink(f"/proc/self/fd/{one}"))
        """
    )
    handle(plugin)


def test_printing_much_disturbs_nothing(
    isolate: Isolate, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin = isolate(
        """
        import os, sys

        def on_alert(alert, ctx):
            os.write(1, b"raw\\n")
            print("x" * 1_000_000)
            ctx.log.info("logged")
            if sys.stdin.read():
                raise ValueError
        """
    )
    handle(plugin)
    printed = capfd.readouterr()
    assert printed.out == "raw\n" + "x" * 1_000_000 + "\n"
    assert printed.err.endswith("INFO  plugin.mine: logged\n")


def test_what_a_process_printed_before_its_death_is_shown(
    isolate: Isolate, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    plugin = isolate("import os\ndef on_alert(alert): print('last words'); os._exit(0)")
    with pytest.raises(WorkerDied, match="ended with exit status 0"):
        handle(plugin)
    assert capfd.readouterr().out == "last words\n"


def test_modules_are_found_where_the_receiver_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "only_here.py").write_text("def on_alert(alert): pass")
    (tmp_path / "json.py").write_text("raise ImportError('the working directory counts')")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    plugin = IsolatedPlugin(PluginSettings(use="only_here:on_alert"), tmp_path, 256 * MIB)
    plugin.setup()
    handle(plugin)
    plugin.close()


def test_the_decorator_counts_less_than_the_table(isolate: Isolate) -> None:
    plugin = isolate(
        """
        from incm_webhook import plugin

        @plugin("x", types=["reboot"], timeout=7, concurrency=2, retry={"first": 5, "max": 50})
        def anything(alert):
            "Does nothing."
        """,
        setup=False,
        timeout=9,
        retry={"max": 60},
    )
    settings = plugin.settings
    assert (settings.types, settings.timeout, settings.concurrency) == (("reboot",), 9, 2)
    assert (settings.retry.first, settings.retry.max) == (5, 60)
    assert (plugin.name, plugin.batch, plugin.origin.summary) == ("mine", False, "Does nothing.")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import no_such_module", "mine.py:1: ModuleNotFoundError: No module named"),
        ("def on_alert(alert) pass", "mine.py:1: expected ':'"),
        ("import sys; sys.exit(5)", "mine.py:1: it ends the program (exit 5)"),
        ("import os; os._exit(5)", "while it was loaded, its process ended with exit status 5"),
        ("import ctypes; ctypes.string_at(0)", "was killed by signal 11 (SIGSEGV)"),
        (GARBAGE, "while it was loaded, its process was killed: it wrote nonsense"),
        (
            "from pydantic import BaseModel\nclass Config(BaseModel):\n port: int\n"
            "def on_alert(alert): pass",
            "config port: wants a whole number",
        ),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(isolate: Isolate, source: str, text: str) -> None:
    with pytest.raises(PluginError) as error:
        isolate(source, config={"port": "x"} if "port:" in source else {})
    assert str(error.value).startswith('plugin "mine": ')
    assert text in str(error.value)


@pytest.mark.parametrize("where", ["import", "setup"])
def test_what_failed_to_start_leaves_no_process(isolate: Isolate, pipe: Pipe, where: str) -> None:
    """A thread of the plugin keeps the process from ending by itself."""
    fails = """
        held = open(PIPE, "w")
        threading.Thread(target=threading.Event().wait).start()
        raise OSError
    """.replace("PIPE", repr(str(pipe.path)))
    source = "import threading\n" + (
        textwrap.dedent(fails)
        if where == "import"
        else f"class Fails:\n def handle(self, alert): pass\n def setup(self):\n{fails}"
    )
    with pytest.raises((PluginError, WorkerFailure), match="OSError"):
        isolate(source)
    assert pipe.read() == b""


def test_a_failed_setup_is_reported_and_tried_in_a_new_process(
    isolate: Isolate, tmp_path: Path
) -> None:
    plugin = isolate(
        f"""
        from pathlib import Path
        tries = 0

        class Fussy:
            def setup(self):
                global tries
                tries += 1
                if tries > 1 or not Path({str(tmp_path / "there")!r}).exists():
                    raise OSError("not there")

            def handle(self, alert):
                pass
        """,
        setup=False,
    )
    for _ in range(2):
        with pytest.raises(WorkerFailure, match=r"^OSError: not there \(.*mine.py:10\)$"):
            plugin.setup()
    (tmp_path / "there").touch()
    plugin.setup()
    handle(plugin)


def test_a_worker_outlives_the_thread_that_needed_it(wild: IsolatedPlugin, pipe: Pipe) -> None:
    def replace() -> int:
        with pytest.raises(WorkerDied):
            handle(wild, "exit")
        return pid_of(wild, pipe)

    with ThreadPoolExecutor(1) as threads:
        replaced = threads.submit(replace).result(DEADLINE_S)
    assert pid_of(wild, pipe) == replaced


def test_nothing_outlives_a_killed_receiver(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"held = open({str(pipe.path)!r}, 'w')\nimport ctypes\n"
        "def on_alert(alert):\n print('here', flush=True)\n ctypes.PyDLL(None).pause()"
    )
    (tmp_path / "receiver.py").write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from incm_webhook import Context
            from incm_webhook.hosting.isolated_plugin import IsolatedPlugin
            from incm_webhook.config.settings import PluginSettings
            from incm_webhook.testing import make_alert
            plugin = IsolatedPlugin(PluginSettings(use="./mine.py"), Path(sys.argv[1]), 1 << 28)
            plugin.setup()
            plugin.handle(make_alert(), Context())
            """
        )
    )
    command = [sys.executable, str(tmp_path / "receiver.py"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == b"here\n"
        receiver.kill()
        assert pipe.read() == b""


def test_close_lets_the_plugin_close(isolate: Isolate, pipe: Pipe) -> None:
    plugin = isolate(
        f"""
        from incm_webhook import Context
        pipe = open({str(pipe.path)!r}, "w")

        class Tidy:
            async def handle(self, alert):
                pass

            async def close(self):
                print("closed", file=pipe, flush=True)
                raise OSError("but not well")
        """
    )
    handle(plugin)
    with pytest.raises(WorkerFailure, match=r"^OSError: but not well \("):
        plugin.close()
    assert pipe.read() == b"closed\n"
    assert pipe.read() == b""
    assert not plugin.ready()
    with pytest.raises(WorkerLost):
        handle(plugin)


def in_thread(threads: ThreadPoolExecutor, action: Callable[..., Any], *arguments: Any) -> Any:
    done: Future[Any] = threads.submit(action, *arguments)
    return done


def test_close_ends_a_call_that_hangs(wild: IsolatedPlugin, pipe: Pipe) -> None:
    pid_of(wild, pipe)
    with ThreadPoolExecutor() as threads:
        calls = [in_thread(threads, handle, wild, "hang") for _ in range(8)]
        wild.close(time.monotonic())
        for call in calls:
            assert isinstance(call.exception(DEADLINE_S), WorkerLost)


@pytest.mark.parametrize("where", ["import", "setup"])
def test_close_ends_a_start_that_hangs(isolate: Isolate, pipe: Pipe, where: str) -> None:
    plugin = isolate(
        f"""
        import os, threading
        from pathlib import Path

        def hang(where):
            if where == {where!r} and Path(__file__).with_name("replaced").exists():
                Path({str(pipe.path)!r}).write_text("here")
                threading.Event().wait()

        class Slow:
            def setup(self):
                hang("setup")

            def handle(self, alert):
                Path(__file__).with_name("replaced").touch()
                os._exit(1)

        hang("import")
        """
    )
    with pytest.raises(WorkerDied):
        handle(plugin)
    with ThreadPoolExecutor() as threads:
        waiting = [in_thread(threads, plugin.ready) for _ in range(3)]
        assert pipe.read() == b"here"
        plugin.close(0.0)
        assert [one.result(DEADLINE_S) for one in waiting] == [False] * 3


def test_a_process_that_starts_while_it_is_closed_ends(
    wild: IsolatedPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkerDied):
        handle(wild, "exit")

    def start_late(*arguments: Any) -> WorkerProcess:
        wild.close(0.0)
        return WorkerProcess(*arguments)

    monkeypatch.setattr(isolated_plugin, "WorkerProcess", start_late)
    assert not wild.ready()
    assert wild._latest is not None
    assert not wild._latest.alive


def test_a_crash_loop_slows_down_and_close_ends_the_wait(
    wild: IsolatedPlugin, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float | None] = []
    waiting = threading.Event()
    condition = wild._changed

    def wait(timeout: float | None = None) -> bool:
        pauses.append(timeout)
        waiting.set()
        return type(condition).wait(condition, timeout)

    monkeypatch.setattr(condition, "wait", wait)
    monkeypatch.setattr(isolated_plugin, "_FIRST_PAUSE_S", 1000.0)
    monkeypatch.setattr(isolated_plugin, "_LONGEST_PAUSE_S", 100.0)
    for _ in range(2):
        with pytest.raises(WorkerDied):
            handle(wild, "exit")
    with ThreadPoolExecutor() as threads:
        ready = in_thread(threads, wild.ready)
        assert waiting.wait(DEADLINE_S)
        wild.close(0.0)
        assert ready.result(DEADLINE_S) is False
    assert pauses[0] is not None
    assert 0 < pauses[0] <= isolated_plugin._LONGEST_PAUSE_S


def test_handlers_that_hang_one_after_the_other_delay_others_no_longer_than_their_time_outs(
    wild: IsolatedPlugin, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_plugin, "_FIRST_PAUSE_S", 10 * DEADLINE_S)
    monkeypatch.setattr(isolated_plugin, "_LONGEST_PAUSE_S", 10 * DEADLINE_S)

    def hang_and_go_on() -> int:
        for _ in range(3):
            patience(wild, SHORT_S)
            with pytest.raises(WorkerTimeout):
                handle(wild, "hold the lock")
        patience(wild, DEADLINE_S)
        return pid_of(wild, pipe)

    with ThreadPoolExecutor() as threads:
        called = in_thread(threads, hang_and_go_on)
        try:
            assert called.result(DEADLINE_S) > 0
        finally:
            wild.close(0.0)


@pytest.mark.parametrize("missing", ["control", "channel", "thread", "watch"])
def test_a_shortage_at_the_start_of_a_process_is_reported_and_the_start_tried_again(
    wild: IsolatedPlugin,
    pipe: Pipe,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    """A shortage passes; what the plugin is owed must not wait for the next start."""
    before = pid_of(wild, pipe)
    with pytest.raises(WorkerDied):
        handle(wild, "exit")
    failures = {"control": 0, "channel": 2, "thread": 0, "watch": 0}  # how many are made before
    left = itertools.count(failures[missing], -1)

    def scarce(make: Callable[..., Any], error: Exception) -> Callable[..., Any]:
        def made(*arguments: Any) -> Any:
            if next(left) == 0:
                raise error
            return make(*arguments)

        return made

    none_left = OSError(errno.EMFILE, "Too many open files")
    if missing == "thread":
        none = RuntimeError("can't start new thread")
        monkeypatch.setattr(threading.Thread, "start", scarce(threading.Thread.start, none))
    elif missing == "watch":
        monkeypatch.setattr(os, "pidfd_open", scarce(os.pidfd_open, none_left))
    else:
        monkeypatch.setattr(socket, "socketpair", scarce(socket.socketpair, none_left))
    started: list[WorkerProcess] = []

    def start(*arguments: Any) -> WorkerProcess:
        started.append(WorkerProcess(*arguments))
        return started[-1]

    monkeypatch.setattr(isolated_plugin, "WorkerProcess", start)
    monkeypatch.setattr(isolated_plugin, "_FIRST_PAUSE_S", 0.0)
    assert pid_of(wild, pipe) != before
    (reported,) = [one for one in caplog.messages if "cannot be started again" in one]
    assert ("no thread is left" if missing == "thread" else "Too many open files") in reported
    assert [one.alive for one in started] == [False] * (len(started) - 1) + [True]
    for one in started[:-1]:
        one._thread.join(DEADLINE_S)
        assert one.pid is None


def test_work_done_between_deaths_is_no_crash_loop(
    wild: IsolatedPlugin, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_plugin, "_FIRST_PAUSE_S", DEADLINE_S)
    monkeypatch.setattr(isolated_plugin, "_LONGEST_PAUSE_S", DEADLINE_S)
    for _ in range(4):
        pid_of(wild, pipe)
        with pytest.raises(WorkerError):
            handle(wild, "exit")


def descriptors() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def test_deaths_leave_no_descriptor_behind(wild: IsolatedPlugin, pipe: Pipe) -> None:
    wild.close()
    before = descriptors()
    again = IsolatedPlugin(wild._spec, wild._base, 256 * MIB)
    again.setup()
    for kind in ("exit", "crash", "garbage", "exit"):
        pid_of(again, pipe)
        with pytest.raises(WorkerDied):
            handle(again, kind)
    again.close()
    assert descriptors() == before
