"""Secrets of a plugin stand outside the configuration, and nothing shows them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, field_validator

from incm_webhook import Alert, Context, plugin
from incm_webhook.config.settings import PluginSettings
from incm_webhook.errors import PluginError
from incm_webhook.hosting import registry
from incm_webhook.hosting.plugin_secrets import filled
from incm_webhook.text import redaction
from incm_webhook.text.failures import account_of
from incm_webhook.text.redaction import without_secrets


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())


class Own(BaseModel):
    env: str


class Target(BaseModel):
    token: SecretStr
    tags: list[str] = []


class Unknown:
    pass


class Config(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, populate_by_name=True)

    url: AnyUrl | None = None
    token: str = "none"
    password: SecretStr | None = None
    targets: list[Target] = []
    headers: dict[str, str] = {}
    own: Own | str | None = None
    number: int = 0
    anything: Any = None
    object: Unknown | None = None
    renamed: str = Field("", alias="other-name")


def config_of(config: dict[str, Any], base: Path = Path(), model: type[BaseModel] = Config) -> Any:
    @plugin("pager", config=model)
    def handle(alert: Alert, ctx: Context) -> None:
        pass

    spec = PluginSettings(use="pager", config=config)
    spec.hold("[[plugin]] 2 of /etc/incm-webhook.toml")
    return registry.load_object(handle, spec, None, base).config


@pytest.fixture
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_TOKEN", "s3cr3t-token")


@pytest.mark.usefixtures("_token")
def test_a_secret_may_stand_wherever_the_model_has_a_text() -> None:
    source = {"env": "PAGER_TOKEN"}
    config = config_of(
        {
            "token": source,
            "password": source,
            "targets": [{"token": source, "tags": ["a", source]}],
            "headers": {"Authorization": source},
            "renamed": source,
        }
    )
    assert config.token == "s3cr3t-token"
    assert config.password.get_secret_value() == "s3cr3t-token"
    assert config.targets[0].token.get_secret_value() == "s3cr3t-token"
    assert config.targets[0].tags == ["a", "s3cr3t-token"]
    assert config.headers == {"Authorization": "s3cr3t-token"}
    assert config.renamed == "s3cr3t-token"
    assert config_of({"other-name": source}).renamed == "s3cr3t-token"


@pytest.mark.usefixtures("_token")
def test_a_table_that_the_model_has_stays_a_table() -> None:
    source = {"env": "PAGER_TOKEN"}
    config = config_of({"own": source, "headers": source, "anything": source})
    assert config.own == Own(env="PAGER_TOKEN")
    assert config.headers == source
    assert config.anything == source


def test_a_secret_stands_in_a_file_beside_the_configuration_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "pager-url").write_text("https://h.example.com/hook/T0/B0\n")
    (tmp_path / "credentials" / "pager-token").write_text("仓库-token\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    config = config_of({"url": {"file": "./pager-url"}, "token": {"file": "pager-token"}}, tmp_path)
    assert str(config.url) == "https://h.example.com/hook/T0/B0"
    assert config.token == "仓库-token"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"token": {"env": "NOT_THERE"}},
            r"config\.token: the environment variable NOT_THERE is not set, or empty"
            r" \(\[\[plugin\]\] 2 of /etc/incm-webhook\.toml\)",
        ),
        (
            {"targets": [{"token": {"file": "not-there"}}]},
            r"config\.targets\[1\]\.token: cannot read the secret file .*not-there: no such file",
        ),
        ({"number": {"env": "NOT_THERE"}}, r"config number: wants a whole number"),
        ({"token": {"env": "A", "file": "b"}}, r"config token: wants a text in quotes"),
        ({"token": {"env": ""}}, r"config token: wants a text in quotes"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(
    config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PluginError, match=message):
        config_of(config, tmp_path)


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        ("abc", "has fewer than 4 characters, so it is not masked in the log"),
        ("right", "has fewer than 8 characters, so the log and messages have ***"),
        ("1234567", "has fewer than 8 characters, so the log and messages have ***"),
        ("Correctly", "has letters only, and fewer than 16, so the log and messages have ***"),
        ("correct1", ""),
        ("qzxwvtkpbnmhgfds", ""),
        ("", ""),
    ],
)
def test_a_secret_that_other_texts_may_contain_is_warned_of(
    secret: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAK", secret or "not-in-use-1")
    for config in ({"password": secret}, {"token": {"env": "WEAK"}}):

        @plugin("pager", config=Config)
        def handle(alert: Alert, ctx: Context) -> None:
            pass

        spec = PluginSettings(use="pager", config=config)
        warnings = registry.load_object(handle, spec, None, Path()).warnings
        (key,) = config
        if not what:
            assert warnings == ()
            continue
        (warning,) = warnings
        assert warning.startswith(f"config.{key}: the secret {what}")
        assert secret not in warning.replace("characters", "")


class Picky(BaseModel):
    token: str

    @field_validator("token")
    @classmethod
    def _is_good(cls, value: str) -> str:
        raise ValueError(f"{value} is no good token")


@pytest.mark.usefixtures("_token")
def test_no_message_about_a_config_reveals_a_secret() -> None:
    with pytest.raises(PluginError) as raised:
        config_of({"token": {"env": "PAGER_TOKEN"}}, model=Picky)
    assert str(raised.value) == (
        "config token: *** is no good token ([[plugin]] 2 of /etc/incm-webhook.toml)"
    )


@pytest.mark.usefixtures("_token")
def test_no_failure_reveals_a_secret_of_the_config() -> None:
    config_of(
        {
            "token": {"env": "PAGER_TOKEN"},
            "password": "in-the-file",
            "url": "https://u:pass-word-1@h.example.com/services/T0000/B0000XX?k=k3y-k3y-k3y",
        }
    )
    error = RuntimeError(
        "s3cr3t-token in-the-file pass-word-1 with /services/T0000/B0000XX k3y-k3y-k3y"
    )
    line = account_of(error).line
    assert line == "RuntimeError: *** *** *** with /services/*** ***"


def test_pydantic_does_not_show_what_it_was_given() -> None:
    class Answer(BaseModel):
        count: int

    try:
        Answer.model_validate({"count": "-".join(["not", "for", "the", "log"])})
    except ValueError as error:
        account = account_of(error)
    assert "count" in account.line
    assert "type=int_parsing" in account.line
    assert "not-for-the-log" not in account.line + account.traceback


@pytest.mark.parametrize(
    ("url", "is_secret"),
    [
        ("http://127.0.0.1:8000/", False),
        ("https://pager.example.com", False),
        ("https://pager.example.com/9f8e7d6c5b4a", True),
        ("https://k7Zq93xWmP@pager.example.com/", True),
        ("https://pager.example.com/?key=k7Zq93xWmP", True),
        ("k7Zq93xWmP", True),
    ],
)
def test_an_address_of_a_host_alone_is_no_secret(url: str, is_secret: bool) -> None:
    filled({"url": url}, Addressed, {}, Path())
    assert (without_secrets(f"POST {url} failed") == "POST *** failed") == is_secret


class Addressed(BaseModel):
    url: SecretStr
