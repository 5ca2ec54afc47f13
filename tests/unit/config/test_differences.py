from pathlib import Path

from incm_webhook.config.differences import keys_for_the_next_start
from incm_webhook.config.loading import Settings, load_settings


def settings(folder: Path, text: str) -> Settings:
    (folder / "incm-webhook.toml").write_text(text + "[[endpoint]]\nunsigned = true\n")
    return load_settings({}, {}, folder)


def test_what_a_running_server_cannot_apply_is_named_key_by_key(tmp_path: Path) -> None:
    before = settings(tmp_path, "")
    assert keys_for_the_next_start(before, settings(tmp_path, "")) == []
    new = settings(
        tmp_path,
        '[server]\nlisten = "127.0.0.1:1"\ngrace = "3s"\n'
        '[log]\nlevel = "debug"\nformat = "json"\naccess = true\n'
        '[inbox]\nretention = "2d"\n[egress]\ndeny = ["10.0.0.0/8"]\n'
        '[[plugin]]\nuse = "log"\n',
    )
    assert keys_for_the_next_start(before, new) == [
        "[server] listen",
        "[server] grace",
        "[log] access",
        "[inbox] retention",
    ]
    assert keys_for_the_next_start(new, new) == []
