"""Fetches the sources of packaging/libraries.toml, and unpacks them.

An archive that is already in the folder is used when its hash fits. Otherwise it comes from the
machine's Debian archive by apt, else from the address in the file or Debian's snapshot archive.
"""

import hashlib
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

APT_HELPER = Path("/usr/lib/apt/apt-helper")
SNAPSHOT = "https://snapshot.debian.org/file/"
TIMEOUT_S = 120


class SourceError(Exception):
    """Sources cannot be had; a sentence says why, and what to do."""


def fetch(library: dict[str, Any], folder: Path) -> Path:
    """Return the archive of a library, in `folder`, where it is put unless it is there already.

    Raises: SourceError when it cannot be had from anywhere, or has another hash.
    """
    origin = str(library.get("pool") or library["url"])
    archive = folder / origin.rpartition("/")[2]
    if archive.exists() and _has_hash(archive, library["sha256"]):
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    tried = []
    if "pool" in library:
        ways = [(_by_apt, library["pool"]), (_by_http, SNAPSHOT + library["sha1"])]
    else:
        ways = [(_by_http, library["url"])]
    for way, place in ways:
        partial.unlink(missing_ok=True)
        reason = way(place, partial)
        if reason is None and not _has_hash(partial, library["sha256"]):
            reason = "it has another hash than libraries.toml says"
        if reason is None:
            return partial.rename(archive)
        tried.append(f"{place}: {reason}")
    partial.unlink(missing_ok=True)
    raise SourceError(
        f"{archive.name} cannot be fetched ({'; '.join(tried)}): get it from elsewhere, and put it "
        f"into {folder}"
    )


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive into `folder`, which is emptied first, and return its only subfolder."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="tar")
    (only,) = folder.iterdir()
    return only


def _has_hash(archive: Path, sha256: str) -> bool:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _by_apt(place: str, target: Path) -> str | None:
    """Fetch a file of Debian's archive with apt; return why it is not to be had, else None."""
    if not APT_HELPER.exists():
        return "this machine has no apt"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"],
        capture_output=True,
        text=True,
        check=False,
    )
    archives = sorted({one.rstrip("/") for one in listed.stdout.split()})
    if not archives:
        return "apt knows no archive of Debian (after `apt-get update`)"
    for archive in archives:
        done = subprocess.run(
            [APT_HELPER, "download-file", f"{archive}/{place}", target],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
    return "Debian's archive does not have it any more"


def _by_http(place: str, target: Path) -> str | None:
    """Fetch a file; return why it is not to be had, else None."""
    try:
        with (
            urllib.request.urlopen(place, timeout=TIMEOUT_S) as answer,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (OSError, urllib.error.URLError) as error:
        return str(getattr(error, "reason", error))
    return None
