"""Runs the supervisor as a script: `python -I -S supervise/__main__.py COMMAND...`.

The package's own __init__ would load the native core and everything that plugins import. This
script bypasses it, so that the supervisor stays small for its whole life.
"""

import sys
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    package = ModuleType("incm_webhook")
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["incm_webhook"] = package

    from incm_webhook.supervise.supervisor import Supervisor

    sys.exit(Supervisor(sys.argv[1:]).run())
