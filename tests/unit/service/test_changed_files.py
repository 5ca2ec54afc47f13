from pathlib import Path

from incm_webhook.service.changed_files import ChangedFiles


def test_a_change_is_noticed_once_and_a_missing_file_is_none(tmp_path: Path) -> None:
    one, other, missing = (tmp_path / name for name in ("one", "other", "missing"))
    one.write_text("1")
    other.write_text("1")
    changes = ChangedFiles([one, other, missing])
    assert changes.look() == []
    one.write_text("22")
    assert changes.look() == [one]
    assert changes.look() == []
    other.unlink()
    assert changes.look() == []
    one.rename(other)
    assert changes.look() == [other]
    missing.write_text("")
    assert changes.look() == [missing]


def test_a_change_that_goes_on_is_reported_when_it_has_settled(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("1")
    changes = ChangedFiles([one, other], settle=True)
    assert changes.look() == []
    one.write_text("12")
    assert changes.look() == []
    other.write_text("12")
    assert changes.look() == []
    assert changes.look() == [one, other]
    assert changes.look() == []


def test_links_are_followed_as_kubernetes_replaces_them(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "secret").write_text(version)
    data, secret = tmp_path / "..data", tmp_path / "secret"
    data.symlink_to("1")
    secret.symlink_to("..data/secret")
    changes = ChangedFiles([secret])
    new = tmp_path / "..data_tmp"
    new.symlink_to("2")
    new.rename(data)
    assert changes.look() == [secret]


def test_files_that_are_watched_from_now_on_have_not_changed_yet(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("1")
    changes = ChangedFiles([one])
    one.write_text("12")
    other.write_text("12")
    changes.watch([one, other])
    assert changes.look() == [one]
    other.write_text("123")
    changes.watch([one])
    assert changes.look() == []
