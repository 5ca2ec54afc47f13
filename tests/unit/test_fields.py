import subprocess
import sys

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from incm_webhook.fields import Duration, PositiveDuration, SecretUrl, Size, Url


class Config(BaseModel):
    pause: Duration = 0.0
    limit: PositiveDuration = 10.0
    most: Size = 1
    api: Url = "https://example.com"
    hook: SecretUrl = SecretStr("https://example.com")


def test_a_model_reads_durations_as_seconds_and_sizes_as_bytes() -> None:
    config = Config.model_validate({"pause": "500ms", "limit": "5m", "most": "64KiB"})
    assert (config.pause, config.limit, config.most) == (0.5, 300.0, 65536)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("pause", "soon", "wants a duration such as"),
        ("limit", 0, "longer than 0"),
        ("most", "big", "wants a size such as"),
        ("api", "example.com", "wants a URL such as"),
        ("api", "ftp://example.com", "wants a URL such as"),
        ("api", "https://", "wants a URL such as"),
        ("api", "https://example.com:0/", "wants a URL such as"),
        ("api", "https://[::1", "wants a URL such as"),
        ("api", "https://example.com/a b", "wants a URL such as"),
        ("hook", "https://example.com/\n", "wants a URL such as"),
    ],
)
def test_the_error_for_a_wrong_value_describes_a_valid_one(
    key: str, value: object, sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Config.model_validate({key: value})


def test_a_url_stays_as_it_was_written() -> None:
    config = Config.model_validate({"api": "http://u:p@[::1]:8080/a?b#c", "hook": "https://h/x"})
    assert config.api == "http://u:p@[::1]:8080/a?b#c"
    assert config.hook.get_secret_value() == "https://h/x"
    assert "https://h" not in repr(config)


def test_the_package_does_not_import_pydantic_for_them() -> None:
    code = "import sys, incm_webhook; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
