"""Runs a load test in the foreground: Ctrl-C ends it early, a terminal shows its progress."""

import asyncio
import signal
import sys

import click

from incm_webhook.bench.load import LoadTest

_TICK_S = 0.2


def run(test: LoadTest, duration_s: float) -> bool:
    """Run a load test to its end.

    Args:
        test: the test, after `try_one`; its report has the results.
        duration_s: how long it will take, for the progress bar.

    Returns:
        False when Ctrl-C ended it early.

    Threads: the main thread, because it handles Ctrl-C.
    """
    return asyncio.run(_run(test, duration_s))


async def _run(test: LoadTest, duration_s: float) -> bool:
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def stop() -> None:
        interrupted.set()
        test.stop()

    loop.add_signal_handler(signal.SIGINT, stop)
    watching = asyncio.create_task(_watch(test, duration_s)) if sys.stderr.isatty() else None
    try:
        await test.run()
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    return not interrupted.is_set()


async def _watch(test: LoadTest, duration_s: float) -> None:
    """Show the progress in one line until this task is cancelled."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    length = max(1, int(duration_s * 1000))
    with click.progressbar(
        length=length, width=0, show_eta=False, file=sys.stderr, item_show_func=_summary
    ) as bar:
        while True:
            await asyncio.sleep(_TICK_S)
            place = min(length, int((loop.time() - start) * 1000))
            bar.update(place - bar.pos, test)


def _summary(test: LoadTest | None) -> str | None:
    if test is None:
        return None
    facts = [f"{test.report.confirmed:,} x 200", f"{test.report.rate:,.0f}/s"]
    facts += [f"{count:,} x {status}" for status, count in sorted(test.report.refused.items())]
    if errors := test.report.errors.total():
        facts.append(f"{errors:,} errors")
    return ", ".join(facts)
