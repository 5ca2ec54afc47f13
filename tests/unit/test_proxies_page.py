"""What docs/proxies.md promises about silence holds for the defaults."""

import re
from pathlib import Path

from incm_webhook.config.server import ServerSettings

PAGE = Path(__file__).parents[2] / "docs" / "proxies.md"


def test_a_silent_connection_outlives_the_pool_of_every_proxy_of_the_page() -> None:
    kept = re.findall(r"^\| (.+?) \| (\d+) s \|", PAGE.read_text(), re.MULTILINE)
    assert {"nginx", "Caddy", "cloudflared", "Google Cloud load balancers"} <= {
        proxy for proxy, _ in kept
    }
    default = ServerSettings().keep_alive
    assert f"`keep_alive` is {default:.0f} s" in PAGE.read_text()
    assert [proxy for proxy, silence in kept if int(silence) >= default] == []
