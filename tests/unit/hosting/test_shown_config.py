"""`config show` prints the config of a plugin without its secrets."""

import sys
from datetime import date
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import BaseModel, Secret, SecretStr
from typing_extensions import TypeAliasType, TypeVar

from incm_webhook.hosting.shown_config import shown


class Target(BaseModel):
    phrase: SecretStr
    room: str = ""


class ByMail(BaseModel):
    phrase: str
    room: str = ""


class ByPager(BaseModel):
    number: int
    code: SecretStr
    target: Target | ByMail


class _Day(Secret[date]):
    pass


_T = TypeVar("_T")
Phrase = TypeAliasType("Phrase", SecretStr)
Maybe = TypeAliasType("Maybe", _T | None, type_params=(_T,))
Targets = TypeAliasType("Targets", list[Target])
Tree = TypeAliasType("Tree", "SecretStr | list[Tree]")
Renamed = NewType("Renamed", SecretStr)


class Config(BaseModel):
    number: Secret[int] | None = None
    day: _Day | None = None
    phrase: Phrase | None = None
    perhaps: Maybe[SecretStr] = None
    targets: Targets = []
    target: Maybe[Target] = None
    channel: ByMail | ByPager | None = None
    channels: list[ByPager | ByMail] = []
    reversed: ByMail | Target | None = None
    tree: Tree = []
    mode: Annotated[Literal["a", "b"], "a word"] = "a"
    renamed: Renamed | None = None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"number": 4711}, {"number": "***"}),
        ({"day": date(2026, 1, 2)}, {"day": "***"}),
        ({"phrase": "abc"}, {"phrase": "***"}),
        ({"perhaps": "abc"}, {"perhaps": "***"}),
        ({"perhaps": {"env": "PHRASE"}}, {"perhaps": {"env": "PHRASE"}}),
        (
            {"targets": [{"phrase": "abc", "room": "1"}]},
            {"targets": [{"phrase": "***", "room": "1"}]},
        ),
        ({"target": {"phrase": "abc", "room": "1"}}, {"target": {"phrase": "***", "room": "1"}}),
        (
            {"channel": {"number": 7, "code": "abc", "target": {"phrase": "abc", "room": "1"}}},
            {"channel": {"number": 7, "code": "***", "target": {"phrase": "***", "room": "1"}}},
        ),
        ({"channel": {"phrase": "abc", "room": "1"}}, {"channel": {"phrase": "abc", "room": "1"}}),
        (
            {"channels": [{"number": 7, "code": "abc", "target": {"phrase": "x"}}]},
            {"channels": [{"number": 7, "code": "***", "target": {"phrase": "***"}}]},
        ),
        ({"reversed": {"phrase": "abc"}}, {"reversed": {"phrase": "***"}}),
        ({"tree": [["abc"]]}, {"tree": [["***"]]}),
        ({"mode": "b"}, {"mode": "b"}),
        ({"renamed": "abc"}, {"renamed": "***"}),
    ],
)
def test_what_the_model_declares_secret_is_hidden_however_it_is_spelt(
    config: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert Config.model_validate(config if "env" not in str(config) else {})
    assert shown(config, Config) == expected


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has `type`")
def test_an_alias_may_contain_itself() -> None:
    scope: dict[str, Any] = {"SecretStr": SecretStr, "BaseModel": BaseModel}
    exec(
        "type Plain = str | list[Plain]\n"
        "type Hidden = SecretStr | list[Hidden]\n"
        "class Trees(BaseModel):\n    plain: Plain\n    hidden: Hidden",
        scope,
    )
    expected = {"plain": [["leaf"]], "hidden": [["***"]]}
    assert shown({"plain": [["leaf"]], "hidden": [["leaf"]]}, scope["Trees"]) == expected


class Named(BaseModel):
    headers: dict[str, str]


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("password", True),
        ("pwd", True),
        ("Authorization", True),
        ("X-Auth-Key", True),
        ("X-API-Key", True),
        ("apikey", True),
        ("private_key", True),
        ("privateKey", True),
        ("aws_secret_access_key", True),
        ("AccountKey", True),
        ("shared-key", True),
        ("signing_key", True),
        ("private_key_file", False),
        ("password-file", False),
        ("keyboard", False),
        ("key", False),
        ("X-Request-Id", False),
    ],
)
def test_a_value_with_the_name_of_a_secret_is_hidden(name: str, is_secret: bool) -> None:
    value = "***" if is_secret else "value"
    assert shown({"headers": {name: "value"}}, Named) == {"headers": {name: value}}
