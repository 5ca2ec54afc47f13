"""Options and the summary of the crash tests."""

import pytest

from crash.audit import Audit

_FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash", "crash tests")
    group.addoption(
        "--crash-cycles", type=int, default=15, help="how often the server is killed (15)"
    )
    group.addoption("--crash-seed", type=int, default=1, help="chooses the times of the kills (1)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if config.stash[_FIGURES]:
        terminalreporter.section("crash tests")
        for line in config.stash[_FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    """How often a loop kills the server."""
    number: int = request.config.getoption("--crash-cycles")
    return number


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed that chooses the times of the kills."""
    number: int = request.config.getoption("--crash-seed")
    return number


class Figures:
    """Collects the lines of the summary."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def add(self, title: str, cycles: int, found: Audit) -> None:
        """Add one line."""
        self._lines.append(f"{title}: cycles {cycles}, {found.figures()}")


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """The lines of the summary."""
    return Figures(request.config.stash[_FIGURES])
