"""`[[admin_token]]`: where a token may stand, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from incm_webhook import ConfigError
from incm_webhook.config.loading import Settings, load_settings

Write = Callable[[str, str], Path]
TOKEN = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
HEAD = "[[endpoint]]\nunsigned = true\n"


def load(workdir: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    (workdir / "incm-webhook.toml").write_text(HEAD + text)
    return load_settings({}, environ or {}, workdir)


def refusal(workdir: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(workdir, text, environ)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def token(name: str, key: str, role: str = "") -> str:
    text = f'[[admin_token]]\nname = "{name}"\n{key}\n'
    return text + (f'role = "{role}"\n' if role else "")


def test_a_token_is_in_a_file_or_a_variable_and_reads_unless_it_operates(
    workdir: Path, write: Write
) -> None:
    write("ops.token", f"{TOKEN}\n").chmod(0o600)
    text = token("ops", 'file = "ops.token"', "operate") + token("viewer", 'env = "VIEWER"')
    ops, viewer = load(workdir, text, {"VIEWER": OTHER}).admin_token
    assert ops.secret is not None
    assert ops.secret.reveal() == TOKEN.encode()
    assert ops.may_change
    assert viewer.secret is not None
    assert viewer.secret.reveal() == OTHER.encode()
    assert not viewer.may_change
    assert TOKEN not in repr(ops)


def test_a_token_comes_from_systemds_credentials_too(workdir: Path, write: Write) -> None:
    write("credentials/ops.token", TOKEN).chmod(0o600)
    environ = {"CREDENTIALS_DIRECTORY": str(workdir / "credentials")}
    (one,) = load(workdir, token("ops", 'file = "ops.token"'), environ).admin_token
    assert one.secret is not None


def test_two_tokens_may_have_one_name_but_not_one_token_two_names(
    workdir: Path, write: Write
) -> None:
    write("old", TOKEN).chmod(0o600)
    write("new", OTHER).chmod(0o600)
    both = token("ops", 'file = "old"') + token("ops", 'file = "new"')
    assert len(load(workdir, both).admin_token) == 2
    write("new", TOKEN)
    said = refusal(workdir, both)
    assert "incm-webhook.toml:8: " in said
    assert "it is the token of [[admin_token]] 1" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (token("ops", 'file = "missing"'), 'admin_token]] 1 "ops" file: cannot read'),
        (token("ops", 'env = "NOBODY"'), "the environment variable NOBODY is not set"),
        (token("ops", 'env = "SHORT"'), "a token of 15 characters, and it needs at least 16"),
        (token("ops", 'env = "BLANK"'), "holds characters that no token can have"),
        (token("ops", ""), "has neither a file nor an env"),
        (token("ops", 'file = "a"\nenv = "B"'), "has a file and an env"),
        (token("ops", 'env = "GOOD"', "admin"), "wants 'read' or 'operate'"),
        (token("o p", 'env = "GOOD"'), "wants 1 to 64 letters"),
        ('[[admin_token]]\nenv = "GOOD"\n', "name: is required"),
        (token("ops", f'token = "{TOKEN}"'), 'unknown key "token"'),
        ("admin_token = 1\n", "must be a list of tables"),
        ("[[admin_tokens]]\n", 'did you mean "admin_token"'),
    ],
)
def test_what_is_wrong_is_said_without_the_token(workdir: Path, text: str, says: str) -> None:
    text = text if text.startswith("[") else ""
    environ = {"GOOD": TOKEN, "SHORT": "0" * 15, "BLANK": f"{TOKEN} {TOKEN}"}
    if not text:
        (workdir / "incm-webhook.toml").write_text(f"admin_token = 1\n{HEAD}")
        with pytest.raises(ConfigError, match="must be a list of tables"):
            load_settings({}, environ, workdir)
        return
    assert says in refusal(workdir, text, environ)


def test_a_file_that_everybody_may_read_is_warned_about(workdir: Path, write: Write) -> None:
    write("ops.token", TOKEN).chmod(0o644)
    (warning,) = (
        one
        for one in load(workdir, token("ops", 'file = "ops.token"')).warnings
        if "no plugin" not in one
    )
    assert "admin token ops: every user of this machine may read" in warning
    assert TOKEN not in warning


def test_a_listener_that_others_reach_wants_tokens(workdir: Path) -> None:
    public = '[server]\nadmin = "0.0.0.0:9464"\n'
    assert any("has no [[admin_token]]" in one for one in load(workdir, public).warnings)
    with_token = public + token("ops", 'env = "GOOD"')
    warnings = load(workdir, with_token, {"GOOD": TOKEN}).warnings
    assert not any("has no [[admin_token]]" in one for one in warnings)
    assert any("tokens and alerts cross the network in the clear" in one for one in warnings)
    off = '[server]\nadmin = "off"\n' + token("ops", 'env = "GOOD"')
    assert any("no effect" in one for one in load(workdir, off, {"GOOD": TOKEN}).warnings)


def test_commands_that_serve_nothing_read_no_token(workdir: Path) -> None:
    (workdir / "incm-webhook.toml").write_text(HEAD + token("ops", 'file = "missing"'))
    (one,) = load_settings({}, {}, workdir, endpoints=False).admin_token
    assert one.secret is None
