"""The tokens that are handed to the admin listener."""

import logging
from pathlib import Path

import pytest

from incm_webhook._core import AdminTokens
from incm_webhook.config.loading import load_settings
from incm_webhook.service.api_tokens import ApiTokens

TABLE = '[[admin_token]]\nname = "ops"\nenv = "OPS"\n'
ENVIRON = {"OPS": "0123456789abcdef"}


def test_a_token_that_was_not_read_does_not_open_the_api(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(TABLE)
    settings = load_settings({"config": str(file)}, ENVIRON, tmp_path, endpoints=False)
    with pytest.raises(RuntimeError, match=r"the token ops of .* was not read"):
        ApiTokens(AdminTokens()).apply(settings)


def test_a_configuration_without_tokens_is_worth_a_line_only_after_one_with_tokens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "site.toml"
    endpoint = '[[endpoint]]\nsecret = "secret-secret-secret"\n'
    tokens = ApiTokens(AdminTokens())

    def lines_after(text: str) -> int:
        caplog.clear()
        file.write_text(text)
        tokens.apply(load_settings({"config": str(file)}, ENVIRON, tmp_path))
        return len(caplog.records)

    with caplog.at_level(logging.WARNING):
        assert [lines_after(one) for one in (endpoint, TABLE + endpoint)] == [0, 0]
        assert lines_after(endpoint) == 1
        assert lines_after(endpoint) == 0
