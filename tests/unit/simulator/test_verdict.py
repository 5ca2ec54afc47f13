import json

from incm_webhook.errors import SendError
from incm_webhook.simulator.inbox_check import Acknowledgement, InboxCheck
from incm_webhook.simulator.verdict import Tally


def tally() -> Tally:
    counted = Tally()
    for n in range(1001):
        counted.sends(str(n), n / 100, 2.5 if n == 500 else 0.01)
    for n in range(990):
        counted.timed((n + 1) / 1000)
        status = "duplicate" if n < 3 else "accepted"
        counted.acknowledged(Acknowledgement(str(n), n, status))
    counted.answered_otherwise(401)
    counted.answered_otherwise(401)
    counted.answered_otherwise(503)
    counted.refused(SendError("nothing listens"))
    for _ in range(4):
        counted.failed(SendError("no answer"))
    for _ in range(3):
        counted.retries()
    counted.gives_up()
    return counted


def test_every_alert_is_counted_once() -> None:
    verdict = tally().verdict()
    assert verdict.sent == 1001
    assert verdict.acknowledged == 990
    assert (verdict.accepted, verdict.duplicate) == (987, 3)
    assert verdict.other_statuses == {"401": 2, "503": 1}
    assert (verdict.refused, verdict.given_up, verdict.unfinished) == (1, 1, 6)
    assert verdict.retried == 3
    assert verdict.rate == 100.0
    assert (verdict.behind_s, verdict.most_behind_s) == (0.01, 2.5)
    assert (verdict.quantile_ms(0.5), verdict.quantile_ms(0.99)) == (495.0, 981.0)
    assert verdict.errors == ["4 x no answer", "1 x nothing listens"]


def test_the_verdict_for_people() -> None:
    verdict = tally().verdict()
    verdict.inbox = InboxCheck(990)
    assert list(verdict.lines()) == [
        "sent 1,001, 100.0 a second, at most 2.5 s late",
        "  answered 200        990  accepted 987, duplicate 3",
        "  answered 401          2  not acknowledged, not sent again",
        "  answered 503          1  not acknowledged, not sent again",
        "  refused               1  nothing was there: gone for good",
        "  given up              1  no answer, with all retries: gone for good",
        "  unfinished            6  the run was ended before their end",
        "  retries               3",
        "  answers       p50 495.0 ms, p99 981.0 ms",
        "  error: 4 x no answer",
        "  error: 1 x nothing listens",
        "inbox: all 990 acknowledged alerts are there, none twice",
    ]


def test_the_verdict_as_json() -> None:
    verdict = tally().verdict()
    facts = json.loads(json.dumps(verdict.as_dict()))
    assert facts == {
        "ok": False,
        "sent": 1001,
        "acknowledged": 990,
        "accepted": 987,
        "duplicate": 3,
        "other_statuses": {"401": 2, "503": 1},
        "refused": 1,
        "given_up": 1,
        "unfinished": 6,
        "retried": 3,
        "rate": 100.0,
        "behind_s": 0.01,
        "most_behind_s": 2.5,
        "p50_ms": 495.0,
        "p99_ms": 981.0,
        "errors": ["4 x no answer", "1 x nothing listens"],
        "inbox": None,
    }
    verdict.inbox = InboxCheck(990, lost=1, problems=["one is lost"])
    facts = verdict.as_dict()
    assert facts["ok"] is False
    assert facts["inbox"] == {
        "checked": 990,
        "lost": 1,
        "duplicated": 0,
        "problems": ["one is lost"],
    }


def test_nothing_was_sent() -> None:
    verdict = Tally().verdict()
    assert (verdict.sent, verdict.rate, verdict.quantile_ms(0.5)) == (0, None, None)
    assert next(verdict.lines()) == "sent 0"
    assert verdict.as_dict()["p99_ms"] is None
