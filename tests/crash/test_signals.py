"""P14: a stop is obeyed at any time."""

import subprocess
import sys

# In a process for each step of the wait: SIGTERM at that step. The alarm asks once more, so that a
# first request that was not obeyed ends in the second one, by force, with status 1.
_PROGRAM = """
import os, signal, sys
from incm_webhook._core import PythonWatch, StopGuard
from incm_webhook.process.signals import Signals

def wait(step):
    left = step
    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code is alarm.__code__:
            return None
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)
        return trace
    def alarm(number, frame):
        nonlocal left
        left = 0
        signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGALRM, alarm)
    guard = StopGuard(3600, PythonWatch())
    guard.loaded()
    signals = Signals()
    signals.hand_to(guard)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    sys.settrace(trace)
    signals.wait(guard, lambda: None, lambda: False, lambda: None)
    os._exit(0)

for step in range(1, 21):
    child = os.fork() or wait(step)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"a SIGTERM at step {step} of the wait for signals was not obeyed: {status}")
"""


def test_a_stop_during_the_first_steps_of_the_wait_is_obeyed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], stderr=subprocess.PIPE, text=True, check=False
    )
    if "Traceback" in ended.stderr:
        raise RuntimeError(ended.stderr)  # the program itself is wrong, not what it looks for
    assert ended.stderr == ""
    assert ended.returncode == 0
