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
