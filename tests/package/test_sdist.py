"""The source distribution: what its pages link to is in it, and nothing of a workplace."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution of this tree."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as packed:
        packed.extractall(folder, filter="data")
    (unpacked,) = (one for one in folder.iterdir() if one.is_dir())
    return unpacked


def test_everything_that_its_pages_link_to_is_in_it(sdist: Path) -> None:
    pages = sorted(sdist.rglob("*.md"))
    assert sdist / "README.md" in pages
    for page in pages:
        for target in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.relative_to(sdist)}: {target}"


def test_it_has_what_builds_and_tests_it(sdist: Path) -> None:
    for name in ("dev", "LICENSE", "pyproject.toml", "cpp/CMakeLists.txt", "tools/setup.sh"):
        assert (sdist / name).exists(), name
    assert (sdist / "packaging/libraries.toml").exists()


def test_it_has_nothing_that_was_built_or_installed(sdist: Path) -> None:
    names = {one.name for one in sdist.iterdir()}
    assert not names & {"build", "dist", "var", ".venv", ".git", "__pycache__"}
    for pattern in ("*.so", "*.whl", "*.deb", "*.db"):
        assert not list(sdist.rglob(pattern)), pattern
    assert not list(sdist.rglob("__pycache__"))


def test_its_version_is_that_of_the_project(sdist: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.+)"$', text, re.MULTILINE)
    assert sdist.name == f"incm_webhook-{version}"
    assert f"\nVersion: {version}\n" in (sdist / "PKG-INFO").read_text()
