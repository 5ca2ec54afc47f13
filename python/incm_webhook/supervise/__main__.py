"""Runs the supervisor as a script: `python -I -S supervise/__main__.py COMMAND...`.

The package's own __init__ would load the native core and everything that plugins import. This
script bypasses it, so that the supervisor stays small for its whole life. `--log STYLE LEVEL`
before the command chooses the style and the level of its log.
"""

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

if __name__ == "__main__":
    package = ModuleType("incm_webhook")
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["incm_webhook"] = package

    from incm_webhook.log import LogStyle, set_up_logging
    from incm_webhook.log_levels import LogLevels
    from incm_webhook.supervise.supervisor import Supervisor

    arguments = sys.argv[1:]
    style: LogStyle = "text"
    level = logging.INFO
    if arguments[:1] == ["--log"]:
        style = cast("LogStyle", arguments[1])
        level, arguments = int(arguments[2]), arguments[3:]
    set_up_logging(levels=LogLevels(level), style=style)
    sys.exit(Supervisor(arguments).run())
