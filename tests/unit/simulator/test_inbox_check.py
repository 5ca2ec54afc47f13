import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from inbox_api import InboxApi, Row
from incm_webhook.errors import SendError, UnreachableError
from incm_webhook.simulator.inbox_check import (
    Acknowledgement,
    InboxCheck,
    InboxReader,
    check_inbox,
)


def row(number: int, alert_id: str, endpoint: str = "/webhook") -> Row:
    return number, endpoint, json.dumps({"_id": alert_id})


def acked(number: int | None, alert_id: str) -> Acknowledgement:
    return Acknowledgement(alert_id, number, "accepted")


@pytest.fixture
def rows() -> list[Row]:
    return [row(1, "old"), row(2, "a"), row(3, "b"), row(5, "c")]


@pytest.fixture
def api(rows: list[Row]) -> Iterator[InboxApi]:
    with InboxApi(lambda: rows) as served:
        yield served


def check(api: InboxApi, *acks: Acknowledgement, sent: tuple[str, ...] = ()) -> InboxCheck:
    ids = (*sent, *(one.alert_id for one in acks))
    with closing(InboxReader(api.url)) as reader:
        return check_inbox(reader, acks, ids, after=1)


def test_all_is_there(api: InboxApi) -> None:
    found = check(api, acked(2, "a"), acked(3, "b"), acked(5, "c"), acked(None, "c"))
    assert found.ok
    assert found == InboxCheck(4)
    assert list(found.lines()) == ["inbox: all 4 acknowledged alerts are there, none twice"]
    assert [query["after"] for query in api.asked] == ["1"]  # an old inbox costs nothing


@pytest.mark.parametrize(
    ("ack", "problem"),
    [
        (acked(4, "x"), "x was acknowledged as number 4, and the inbox has no such number"),
        (acked(3, "a"), "a was acknowledged as number 3, and that is b"),
        (acked(None, "x"), "x was acknowledged as number None, and no alert has that _id"),
    ],
)
def test_lost(api: InboxApi, ack: Acknowledgement, problem: str) -> None:
    found = check(api, ack, acked(2, "a"))
    assert not found.ok
    assert found == InboxCheck(2, lost=1, problems=[problem])
    assert list(found.lines()) == [
        "inbox: of 2 acknowledged alerts 1 LOST; 0 STORED TWICE",
        f"  {problem}",
    ]


def test_stored_twice_whether_acknowledged_or_not(api: InboxApi, rows: list[Row]) -> None:
    rows += [row(6, "a"), row(7, "b"), row(8, "old")]
    found = check(api, acked(2, "a"), sent=("b",))
    assert not found.ok
    assert (found.lost, found.duplicated) == (0, 2)
    assert found.problems == [
        "a is stored under the numbers 2, 6",
        "b is stored under the numbers 3, 7",
    ]


def test_another_endpoint_may_have_the_same_alert(api: InboxApi, rows: list[Row]) -> None:
    rows.append(row(6, "a", "/other"))
    assert check(api, acked(2, "a")).ok


def test_a_duplicate_of_an_older_alert_is_looked_up(api: InboxApi) -> None:
    assert check(api, Acknowledgement("old", 1, "duplicate")).ok
    assert [query["after"] for query in api.asked] == ["0"]


def test_a_body_without_an_id_belongs_to_nobody(api: InboxApi, rows: list[Row]) -> None:
    rows += [(6, "/webhook", "[]"), (7, "/webhook", '{"_id": 7}'), (8, "/webhook", "{]")]
    assert check(api, acked(2, "a")).ok
    assert check(api, acked(6, "x")).lost == 1


def test_a_large_inbox_comes_in_pages(api: InboxApi, rows: list[Row]) -> None:
    rows[:] = [row(number, f"id{number}") for number in range(1, 3002)]
    acks = [acked(number, f"id{number}") for number in range(2, 3002)]
    assert check(api, *acks).ok
    assert [query["after"] for query in api.asked] == ["1", "1001", "2001"]


def test_only_the_first_problems_are_listed(api: InboxApi) -> None:
    found = check(api, *(acked(number, "x") for number in range(100, 200)))
    assert (found.lost, len(found.problems)) == (100, 20)


def test_the_last_number(api: InboxApi, rows: list[Row]) -> None:
    with closing(InboxReader(api.url + "/")) as reader:
        assert reader.last_number() == 5
        rows.clear()
        assert reader.last_number() == 0


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (404, b"{}", "answered 404: is it the admin listener of a receiver?"),
        (200, b"not json", "did not answer with a list of alerts"),
        (200, b"[]", "did not answer with a list of alerts"),
        (200, b'{"alerts": [{"id": 1}], "next": null}', "did not answer with a list of alerts"),
    ],
)
def test_what_is_no_inbox(api: InboxApi, status: int, body: bytes, sentence: str) -> None:
    api.answers.append((status, body))
    with closing(InboxReader(api.url)) as reader, pytest.raises(SendError) as error:
        reader.last_number()
    assert str(error.value) == f"{api.url}/api/v1/alerts {sentence}"


def test_nothing_listens() -> None:
    with socket.socket() as bound:  # bound but not listening: nothing else can take the port
        bound.bind(("127.0.0.1", 0))
        reader = InboxReader(f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(UnreachableError):
            reader.last_number()
