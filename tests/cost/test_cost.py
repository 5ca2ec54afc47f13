"""The instructions that an unauthenticated client can make the receiver execute.

callgrind counts them exactly, so these bounds hold on every machine, whatever else it does. It
hides the processor's own SHA-256 from the program, so a digest costs several times what it does.
"""

import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cost.shapes import shapes

SIZES = (10_000, 20_000)
MOST_PER_BYTE = 300
MOST_PER_HANDSHAKE = 60_000_000
MOST_PER_REFUSED_HANDSHAKE = 1_000_000
TESTS = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(
    shutil.which("valgrind") is None,
    reason="valgrind counts the instructions; apt install valgrind",
)


def counting(folder: Path, *arguments: str) -> list[str]:
    """Return the command that counts what `measured.py` does with these arguments."""
    return [
        *("valgrind", "-q", "--tool=callgrind", "--dump-before=getppid"),
        *(f"--callgrind-out-file={folder}/counted", sys.executable, "-m", "cost.measured"),
        *arguments,
    ]


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "PYTHONPATH": str(TESTS)}


def counted(folder: Path, number: int) -> int:
    """Read how many instructions a measurement has, the first one being 1."""
    text = (folder / f"counted.{number}").read_text()
    found = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
    assert found, text[:200]
    return int(found[1])


def test_no_body_costs_more_than_a_few_hundred_instructions_a_byte(tmp_path: Path) -> None:
    subprocess.run(
        counting(tmp_path, "verify", *map(str, SIZES)), env=environment(), check=True, cwd=tmp_path
    )
    bodies = [(name, len(body)) for size in SIZES for name, body in shapes(size)]
    half = len(bodies) // 2
    # Each body is measured after what lies between it and the one before.
    costs = [counted(tmp_path, 2 * (i + 1)) for i in range(len(bodies))]
    for i in range(half, len(bodies)):
        name, size = bodies[i]
        assert costs[i] / size < MOST_PER_BYTE, name
        growth = (costs[i] / costs[i - half]) / (size / bodies[i - half][1])
        assert growth < 1.2, f"{name}: twice as long costs {growth} times as much a byte"


class Measured:
    """A receiver with TLS under callgrind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            counting(folder, "serve", str(folder)),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        host, port = self._line().rsplit(":", 1)
        self.address = (host, int(port))
        self._count = 0

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def count(self) -> int:
        """Count the instructions since the last call."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._line() == "measured\n"
        self._count += 1
        return counted(self._folder, self._count)

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        with self._process:
            pass


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Measured]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem")
    subprocess.run(
        ["openssl", "req", "-x509", *curve, "-out", "c.pem", "-days", "9", "-subj", "/CN=here"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    receiver = Measured(tmp_path)
    yield receiver
    receiver.end()


def shake(receiver: Measured, group: str) -> str:
    """Make a handshake with a group alone, and return the output of the client."""
    host, port = receiver.address
    client = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-groups", group],
        input=b"",
        capture_output=True,
        check=False,
    )
    return (client.stdout + client.stderr).decode(errors="replace")


def test_no_group_makes_a_handshake_dear(measured: Measured) -> None:
    assert "New, TLSv1.3" in shake(measured, "X25519")  # what is made once is not counted
    measured.count()
    for group in ("X25519", "P-256", "P-384"):
        assert "New, TLSv1.3" in shake(measured, group)
        assert measured.count() < MOST_PER_HANDSHAKE, group
    for group in ("ffdhe2048", "ffdhe8192", "P-521", "X448"):
        assert "handshake failure" in shake(measured, group)
        assert measured.count() < MOST_PER_REFUSED_HANDSHAKE, group


def post(receiver: Measured, head: bytes, body: bytes) -> bytes:
    """Send a request through TLS, and return the answer's first line."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(receiver.address) as plain,
        context.wrap_socket(plain) as client,
    ):
        client.sendall(b"POST /webhook HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n" + body)
        return client.recv(65536).split(b"\r\n")[0]


# Each makes a head and a body that a stranger may choose, with so many pieces.
PIECES: dict[str, Callable[[int], tuple[bytes, bytes]]] = {
    "chunks of a byte": lambda count: (
        b"X-Signature: x\r\nTransfer-Encoding: chunked\r\n",
        b"1\r\na\r\n" * 40 * count + b"0\r\n\r\n",
    ),
    "addresses in X-Forwarded-For": lambda count: (
        b"Content-Length: 0\r\nX-Forwarded-For: " + b"1.1.1.1," * 9 * count + b"1.1.1.1\r\n",
        b"",
    ),
    "fields": lambda count: (
        b"Content-Length: 0\r\n" + b"X-Forwarded-Port: 1\r\n" * (count // 2),
        b"",
    ),
}


def test_the_pieces_of_a_request_cost_little(measured: Measured) -> None:
    for name, make in PIECES.items():
        costs, sizes = [], []
        for count in (50, 50, 100):  # what is made once is not counted
            head, body = make(count)
            assert post(measured, head, body) == b"HTTP/1.1 401 Unauthorized", name
            costs.append(measured.count())
            sizes.append(len(head) + len(body))
        assert (costs[2] - costs[1]) / (sizes[2] - sizes[1]) < MOST_PER_BYTE, name
