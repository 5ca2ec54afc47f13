"""A real rsyslogd on a free port of loopback, which writes each message as a line of JSON."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import pytest

_READY_S = 30
_CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k" {tls})
module(load="imtcp" {driver})
input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{folder}/port")
template(name="line" type="list" option.jsonf="on") {{
  property(outname="msg" name="msg" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="pri" name="pri" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf")
}}
action(type="omfile" file="{folder}/messages" template="line")
"""


class Rsyslog:
    """The server; `stop` makes it write everything that it has read."""

    def __init__(self, folder: Path, certificate: Path | None = None, authority: str = "") -> None:
        """Start it.

        Args:
            folder: for its configuration and the messages; created if it is missing.
            certificate: a PEM file with key and certificate, for TLS.
            authority: the path of the authority's certificate.
        """
        program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
        if program is None:
            pytest.skip("rsyslogd is not installed (Debian's package rsyslog)")
        if certificate and not any(Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so")):
            pytest.skip("rsyslogd has no OpenSSL (Debian's package rsyslog-openssl)")
        folder.mkdir(exist_ok=True)
        self.folder = folder
        tls, driver = "", ""
        if certificate:
            tls = (
                f'defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{authority}" '
                f'defaultNetstreamDriverCertFile="{certificate}" '
                f'defaultNetstreamDriverKeyFile="{certificate}"'
            )
            driver = 'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"'
        config = folder / "rsyslog.conf"
        config.write_text(_CONFIG.format(folder=folder, tls=tls, driver=driver))
        (folder / "port").unlink(missing_ok=True)
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "-n", "-f", str(config), "-i", str(folder / "pid")],
                stdout=log,
                stderr=log,
            )
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + _READY_S
        file = self.folder / "port"
        while time.monotonic() < deadline:
            if file.exists() and file.read_text().strip():
                return int(file.read_text())
            try:
                self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            break
        self.stop()
        raise RuntimeError(f"rsyslogd does not serve:\n{self._log.read_text(errors='replace')}")

    def stop(self) -> list[dict[str, Any]]:
        """Stop the server; return the messages in their order."""
        self.process.terminate()
        self.process.wait(_READY_S)
        file = self.folder / "messages"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text().splitlines()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
