"""What runs under callgrind: each call of getppid(2) ends one measurement and begins the next.

usage: measured.py verify SIZE...              every shape of every size, once
       measured.py serve FOLDER                a receiver with TLS; a line on standard input ends a
                                               measurement, and is answered with a line
"""

import base64
import os
import sys
from pathlib import Path

from cost.shapes import shapes
from incm_webhook import _core

SECRET = "topsecret"


def verify(sizes: list[int]) -> None:
    signature = base64.b64encode(bytes(32)).decode()
    for size in sizes:
        for _, body in shapes(size):
            os.getppid()
            assert not _core.verify(body, signature, [SECRET])
            os.getppid()


def serve(folder: Path) -> None:
    receiver = _core.Receiver(
        listen="127.0.0.1:0",
        admin=None,
        inbox=f"sqlite:{folder / 'inbox.db'}",
        endpoints=[_core.Endpoint("/webhook", [SECRET])],
        routes=[],
        clients=_core.ClientRules(
            tls=_core.TlsFiles(certificate=str(folder / "c.pem"), private_key=str(folder / "k.pem"))
        ),
    )
    receiver.start()
    print(receiver.address, flush=True)
    for _ in sys.stdin:
        os.getppid()
        print("measured", flush=True)
    receiver.stop()


if __name__ == "__main__":
    if sys.argv[1] == "verify":
        verify([int(size) for size in sys.argv[2:]])
    else:
        serve(Path(sys.argv[2]))
