import subprocess
import sys

import pytest

import incm_webhook
from incm_webhook import errors


def test_every_public_name_is_there() -> None:
    for module in (incm_webhook, errors):
        assert sorted(set(module.__all__)) == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_a_missing_core_says_what_to_do() -> None:
    code = "import sys; sys.modules['incm_webhook._core'] = None; import incm_webhook"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError: the native core of incm-webhook" in done.stderr
    assert "pip install ." in done.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ConfigError("x"), 2),
        (errors.ListenError("x"), 3),
        (errors.InboxError("x"), 3),
        (errors.PluginError("x"), 4),
        (errors.SendError("x"), 1),
        (errors.CanonicalError("x"), 1),
        (ValueError("x"), 1),
    ],
)
def test_each_error_has_its_exit_status(error: Exception, status: int) -> None:
    assert errors.exit_status(error) == status


def test_importing_the_package_loads_nothing_slow() -> None:
    code = (
        "import sys, incm_webhook.cli; "
        "slow = {'pydantic', 'importlib.metadata', 'asyncio', 'http.client'} & set(sys.modules); "
        "sys.exit(', '.join(slow) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
