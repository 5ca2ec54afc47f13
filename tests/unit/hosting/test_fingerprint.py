import sys
from pathlib import Path
from typing import Any

import pytest

from incm_webhook.config.settings import PluginSettings
from incm_webhook.hosting.fingerprint import (
    Fingerprint,
    code_of,
    fingerprint_of,
    secret_files_of,
)


def taken(folder: Path, **keys: Any) -> Fingerprint:
    spec = PluginSettings.model_validate({"use": "./noc.py", "name": "noc", **keys})
    return fingerprint_of(spec, folder, {})


def test_it_changes_with_the_table_the_code_and_the_secrets_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "noc.py").write_text("a = 1\n")
    (tmp_path / "token").write_text("one")
    config = {"urls": [{"token": {"file": "token"}}]}
    before = taken(tmp_path, config=config)
    (tmp_path / "noc.py").touch()
    assert taken(tmp_path, config=config) == before
    (tmp_path / "token").write_text("two")
    secret = taken(tmp_path, config=config)
    assert secret.settings != before.settings
    assert secret.code == before.code
    (tmp_path / "noc.py").write_text("a = 2\n")
    assert taken(tmp_path, config=config).code != before.code
    assert taken(tmp_path, config={}).settings != secret.settings


def test_a_key_with_its_default_value_differs_from_a_key_left_to_the_decorator(
    tmp_path: Path,
) -> None:
    assert taken(tmp_path) != taken(tmp_path, concurrency=4)


def test_no_fingerprint_contains_a_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Tr0ub4dor")
    assert "Tr0ub4dor" not in str(taken(tmp_path, config={"token": {"file": "token"}}))


def test_missing_files_have_one_too(tmp_path: Path) -> None:
    before = taken(tmp_path, config={"token": {"file": "token"}})
    assert taken(tmp_path, config={"token": {"file": "token"}}) == before
    (tmp_path / "token").write_text("one")
    assert taken(tmp_path, config={"token": {"file": "token"}}) != before


def test_the_code_of_a_package_is_all_of_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pagers_for_a_test"
    folder.mkdir()
    for name in ("__init__.py", "noc.py"):
        (folder / name).write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    files = [folder / "__init__.py", folder / "noc.py"]
    assert code_of("pagers_for_a_test.noc:Pager", tmp_path) == files
    assert [file.name for file in code_of("log", tmp_path)] == ["log.py"]
    assert code_of("no_such_package_here:x", tmp_path) == []
    assert code_of("no-such-plugin", tmp_path) == []


def test_only_tables_with_nothing_but_a_file_name_secrets(tmp_path: Path) -> None:
    config = {"a": {"file": "one"}, "b": {"file": "two", "mode": "w"}, "c": [{"file": "/three"}]}
    spec = PluginSettings.model_validate({"use": "log", "config": config})
    assert secret_files_of(spec, tmp_path, {}) == [tmp_path / "one", Path("/three")]
