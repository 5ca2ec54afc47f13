"""Which spellings of a path are one, in the configuration too."""

from pathlib import Path

import pytest

from incm_webhook.config.loading import load_settings
from incm_webhook.config.paths import endpoint_of, normal_path
from incm_webhook.config.settings import EndpointSettings
from incm_webhook.errors import ConfigError


def endpoint(path: str, *, strict: bool = False) -> EndpointSettings:
    return EndpointSettings(path=path, unsigned=True, strict_slash=strict)


def problems(folder: Path, *paths: str) -> str:
    tables = "".join(f'[[endpoint]]\npath = "{path}"\nunsigned = true\n' for path in paths)
    (folder / "incm-webhook.toml").write_text(tables)
    with pytest.raises(ConfigError) as caught:
        load_settings({}, {}, folder)
    return str(caught.value)


def test_the_core_decides_which_spellings_are_equal() -> None:
    assert normal_path("/%77eb%68ook/./%c3%a9") == "/webhook/%C3%A9"


def test_two_spellings_of_one_path_are_a_configuration_error(tmp_path: Path) -> None:
    found = problems(tmp_path, "/webhook", "/%77ebhook")
    assert 'path "/%77ebhook" is used by [[endpoint]] 1, which spells it "/webhook"' in found


def test_a_path_that_no_request_has_is_a_configuration_error(tmp_path: Path) -> None:
    assert 'has a segment ".."' in problems(tmp_path, "/a/../b")
    assert 'has a segment ".."' in problems(tmp_path, "/a/%2e%2E")
    assert '"%25" is a percent sign' in problems(tmp_path, "/100%")


def test_an_endpoint_is_found_as_the_server_finds_it() -> None:
    loose, strict = endpoint("/a"), endpoint("/b", strict=True)
    assert endpoint_of("/%61/", [loose, strict]) is loose
    assert endpoint_of("/b", [loose, strict]) is strict
    assert endpoint_of("/b/", [loose, strict]) is None
    with_slash = endpoint("/a/")
    assert endpoint_of("/a/", [loose, with_slash]) is with_slash
    assert endpoint_of("/a//", [loose, with_slash]) is None
