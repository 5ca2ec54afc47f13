import os
import pickle
from pathlib import Path

import pytest

from incm_webhook import ConfigError
from incm_webhook.config import secrets
from incm_webhook.config.secrets import (
    Secret,
    is_readable_by_others,
    locate_secret_file,
    oddity,
    read_secret_file,
)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"abc", b"abc"),
        (b"abc\n", b"abc"),
        (b"abc\r\n", b"abc"),
        (b"abc\n\n", b"abc\n"),
        (b"abc\r", b"abc\r"),
        (b" abc \n", b" abc "),
        (b"\x00\xff\n", b"\x00\xff"),
        (b"x" * 4096 + b"\r\n", b"x" * 4096),
    ],
)
def test_takes_one_line_end_off(tmp_path: Path, content: bytes, secret: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    assert read_secret_file(path).reveal() == secret


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"x" * 4097, "more than 4096 bytes"),
        (b"x" * 4097 + b"\n", "more than 4096 bytes"),
        (b"x" * 100_000, "more than 4096 bytes"),
    ],
)
def test_refuses_a_file_without_one_secret(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_secret_file(path)
    assert str(path) in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_names_an_unreadable_file_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or directory") as caught:
        read_secret_file(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    with pytest.raises(ConfigError, match="is a directory"):
        read_secret_file(tmp_path)


def test_a_name_that_cannot_be_looked_up_is_not_ignored(tmp_path: Path) -> None:
    name = "x" * 300  # as for a folder that may not be entered, which root may
    located = locate_secret_file(name, tmp_path, {})
    assert located == tmp_path / name
    with pytest.raises(ConfigError, match="file name too long"):
        read_secret_file(located)


def test_a_secret_is_never_shown() -> None:
    secret = Secret(b"hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


def test_equal_secrets_are_equal() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    assert len({Secret(b"a"), Secret(b"a")}) == 1


def test_a_bare_name_is_looked_for_where_secrets_are_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, credentials, mounted = (tmp_path / name for name in ("base", "credentials", "mounted"))
    for folder in (base, credentials, mounted):
        folder.mkdir()
    monkeypatch.setattr(secrets, "MOUNTED_SECRETS", mounted)
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}

    assert locate_secret_file("token", base, environ) == base / "token"
    (mounted / "token").touch()
    assert locate_secret_file("token", base, environ) == mounted / "token"
    (credentials / "token").touch()
    assert locate_secret_file("token", base, environ) == credentials / "token"
    assert locate_secret_file("token", base, {}) == mounted / "token"
    (base / "token").touch()
    assert locate_secret_file("token", base, environ) == base / "token"
    assert locate_secret_file("./other", base, environ) == base / "other"
    assert locate_secret_file("/abs/token", base, environ) == Path("/abs/token")


def test_sees_a_file_that_all_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.touch()
    os.chmod(path, 0o640)  # noqa: PTH101
    assert not is_readable_by_others(path)
    path.chmod(0o644)
    assert is_readable_by_others(path)
    monkeypatch.setattr(secrets, "MOUNTED_SECRETS", tmp_path)
    assert not is_readable_by_others(path)
    assert not is_readable_by_others(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"\xef\xbb\xbft0ken", "begins with a byte order mark"),
        (b"'t0ken'", "is in quotes"),
        (b"t0ken \n", "ends with a space"),
        (b"t0ken\xc2\xa0", "ends with a space"),  # a web page's
        (b"\xe3\x80\x80t0ken", "begins with a space"),
        (b"\xe2\x80\x8bt0ken", "contains invisible characters (U+200B)"),
        (b"t0\xc2\xadken", "contains invisible characters (U+00AD)"),
        (b"t0ken\xef\xbb\xbf", "contains invisible characters (U+FEFF)"),
        (b"\xe2\x80\x9ct0ken\xe2\x80\x9d", "is in quotes"),
        (b"`t0ken`", "is in quotes"),
    ],
)
def test_what_an_editor_adds_to_a_secret_of_any_kind_is_odd(value: bytes, words: str) -> None:
    for lines in (False, True):
        reason = oddity(value, "the secret file x", lines=lines)
        assert reason is not None
        assert words in reason
        assert "t0ken" not in reason


@pytest.mark.parametrize("value", [b"INCM_SECRET=t0ken", b"export TOKEN=t0ken"])
def test_a_line_of_an_environment_file_is_odd(value: bytes) -> None:
    assert "begins with a name and =" in str(oddity(value, "it"))
    assert oddity(value, "a connection string", lines=True) is None


@pytest.mark.parametrize(
    "value",
    [b"QUJDREVG==", b"ABCDEF=", b"a=b", b"\xe4\xbb\x93\xe5", b"\xff\xfe\x80", b"it's"],
)
def test_a_secret_that_is_only_unusual_is_not_odd(value: bytes) -> None:
    assert oddity(value, "it") is None


def test_several_lines_are_odd_where_there_can_be_none() -> None:
    key = b"-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"
    assert oddity(key, "it", lines=True) is None
    assert "holds several lines" in str(oddity(key, "it"))
