"""No secret and no secret part of a URL passes, and what finds a fault stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incm_webhook.text import redaction
from incm_webhook.text.failures import account_of
from incm_webhook.text.redaction import hide, redacted, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://hooks.slack.com/services/T0/B0/XX", "https://hooks.slack.com/services/…"),
        ("https://api.telegram.org/bot12:AA/sendMessage", "https://api.telegram.org/…"),
        ("https://hc-ping.com/3f2c9a1e-77aa", "https://hc-ping.com/…"),
        ("https://ntfy.example.com/my-topic", "https://ntfy.example.com/…"),
        ("https://discord.com/api/webhooks/1/abc", "https://discord.com/api/…"),
        ("https://h.example.com:8443/v1/x?key=s#f", "https://h.example.com:8443/v1/…?…"),
        ("https://h.example.com/?sig=s", "https://h.example.com/?…"),
        ("https://user:pass@h.example.com/", "https://h.example.com/"),
        ("postgresql://u:p/w#?@db:5432/alerts", "postgresql://db:5432/…"),
        (r"amqp://u:a\b@mq/vhost", "amqp://mq/…"),
        ("http://[::1]:8080/webhook", "http://[::1]:8080/…"),
        ("sqlite:///var/lib/x.db", "sqlite:///var/lib/x.db"),
        ("for url 'https://h/a/b'\nFor more", "for url 'https://h/a/…'\nFor more"),
        ("Max retries exceeded with url: /services/T0/B0 (Caused", None),
        ('"POST /services/T0/B0 HTTP/1.1" 404', '"POST /services/… HTTP/1.1" 404'),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        # As PHP and JavaScript write JSON, and as a URL stands in the query of another.
        (
            r'{"url":"https:\/\/h.example.com\/hook\/T0k"}',
            r'{"url":"https:\/\/h.example.com/hook/…"}',
        ),
        ("to=https%3A%2F%2Fu%3Ap%40h.example.com%2Fhook%2FT0k&x", "to=https%3A%2F%2F…&x"),
        ("Authorization: Bearer secretword", "Authorization: Bearer ***"),
        ("'authorization': 'ApiKey QUJD'", "'authorization': 'ApiKey ***'"),
        ('{"Authorization":"Basic dTpw"}', '{"Authorization":"Basic ***"}'),
        ('Authorization: Digest username="x", response="0a"', "Authorization: Digest ***"),
        (r"{\"token\":\"abc\"}", r"{\"token\":\"***\"}"),
        ("X-Api-Key: abcdef", "X-Api-Key: ***"),
        ("X-Auth-Key: abcdef", "X-Auth-Key: ***"),
        ('{"auth_key": "abc", "signing-key": "def"}', '{"auth_key": "***", "signing-key": "***"}'),
        ("Cookie: session=abc; b=c", "Cookie: ***"),
        ("host=db user=u password=hunter2 port=1", "host=db user=u password=*** port=1"),
        ("Server=h;Uid=u;Pwd=hunter2;", "Server=h;Uid=u;Pwd=***;"),
        ("password='a b' x", "password='***' x"),
        ('{"access_token": "abc", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("{'token': 'abc'}", "{'token': '***'}"),
        ("client_secret=a&api_key=b&q=c", "client_secret=***&api_key=***&q=c"),
        ("unexpected token: '}'", "unexpected token: '}'"),
        ("invalid token = is not allowed", "invalid token = is not allowed"),
        ("password authentication failed for user", "password authentication failed for user"),
        ("Post(token=None, key='a')", "Post(token=None, key='a')"),
        ("the secret is empty: put it there", "the secret is empty: put it there"),
        ("Basic authentication required", "Basic authentication required"),
        ("cannot reach pager.example.com:443", "cannot reach pager.example.com:443"),
    ],
)
def test_what_is_shown(text: str, shown: str | None) -> None:
    expected = "Max retries exceeded with url: /services/… (Caused" if shown is None else shown
    assert redacted(text) == expected


@given(st.from_regex(r"[a-z]{2,9}://[ -~]{0,60}", fullmatch=True))
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.fixture
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())


@pytest.mark.usefixtures("_nothing_known")
def test_a_known_secret_is_hidden_in_every_spelling() -> None:
    hide("s3cr3t/+x")
    hide("quo'te\n")
    text = without_secrets("s3cr3t/+x s3cr3t%2F%2Bx s3cr3t/%2Bx quo'te\n quo'te\\n")
    assert "s3cr3t" not in text
    assert "te" not in text
    assert text.count("***") == 5


@pytest.mark.usefixtures("_nothing_known")
def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    hide("abcd")
    hide("abcdefgh")
    assert without_secrets("abcdefgh abcd") == "*** ***"


@pytest.mark.usefixtures("_nothing_known")
def test_a_secret_is_hidden_within_a_longer_word_too() -> None:
    hide("hunter22")
    hide("right")
    text = without_secrets("user=adminhunter22x, x_hunter22_y, hunter22hunter22, copyright")
    assert text == "user=admin***x, x_***_y, ******, copy***"


@pytest.mark.usefixtures("_nothing_known")
def test_what_is_too_short_is_no_secret() -> None:
    hide("a")
    hide("")
    assert without_secrets("a cat") == "a cat"


@pytest.mark.usefixtures("_nothing_known")
def test_no_half_of_a_secret_is_left_where_a_text_is_cut() -> None:
    hide("s3cr3t-of-the-pager")
    for blank in (" ", ""):
        for shift in range(20):
            text = "x" * shift + f"s3cr3t-of-the-pager{blank}" * 3000
            assert "s3c" not in account_of(RuntimeError(text)).line
