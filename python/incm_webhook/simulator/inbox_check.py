"""Checks through the admin API that a receiver's inbox has each acknowledged alert once."""

import http.client
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from incm_webhook.config.secrets import Secret
from incm_webhook.errors import SendError
from incm_webhook.log import printable
from incm_webhook.sender.client import explained, open_connection

PAGE = 1000
SHOWN = 20
_OK = 200
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer of 200.

    Attributes:
        alert_id: `_id` of the alert.
        number: `id` of the answer, the alert's number in the inbox; None when it had none.
        status: `status` of the answer: "accepted", "duplicate", or anything else.
    """

    alert_id: str
    number: int | None
    status: str


@dataclass(slots=True)
class InboxCheck:
    """The result of a check.

    Attributes:
        checked: how many acknowledged alerts were looked for.
        lost: how many of them the inbox does not have under the number that was acknowledged.
        duplicated: how many alerts of the run are stored under more than one number.
        problems: a sentence for each lost or duplicated alert; at most 20.
    """

    checked: int
    lost: int = 0
    duplicated: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether no alert is lost and none is stored twice."""
        return not self.lost and not self.duplicated

    def as_dict(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def lines(self) -> Iterator[str]:
        """Yield the result as lines for people."""
        if self.ok:
            yield f"inbox: all {self.checked:,} acknowledged alerts are there, none twice"
            return
        yield (
            f"inbox: of {self.checked:,} acknowledged alerts {self.lost:,} LOST; "
            f"{self.duplicated:,} STORED TWICE"
        )
        for text in self.problems:
            yield f"  {text}"


class InboxReader:
    """Reads alerts from the admin listener of a receiver.

    Errors: `SendError` with a sentence when it cannot be reached, or its answer is no list of
    alerts.
    Threads: one at a time.
    Source: docs/http-api.md, The admin API.
    """

    def __init__(self, admin_url: str, token: Secret | None = None) -> None:
        """Check the URL; nothing is requested yet.

        Args:
            admin_url: the URL of the admin listener, such as http://127.0.0.1:9464.
            token: a token of it; None for none.
        """
        self._url = f"{admin_url.rstrip('/')}/api/v1/alerts"
        self._connection, self._target = open_connection(self._url)
        bearer = None if token is None else f"Bearer {token.reveal().decode('ascii')}"
        self._headers = {} if bearer is None else {"Authorization": bearer}

    def last_number(self) -> int:
        """Return the highest number of the inbox, 0 when it is empty."""
        alerts, _ = self._ask(order="desc", limit=1, body=1)
        return alerts[0][0] if alerts else 0

    def alerts_after(self, number: int) -> Iterator[tuple[int, str, str | None]]:
        """Iterate over the alerts with a number above this one.

        Returns:
            The number, the endpoint and the `_id` of each alert, by number; None for a body
            without an `_id`.
        """
        after: int | None = number
        while after is not None:
            alerts, after = self._ask(after=after, order="asc", limit=PAGE, body=1)
            yield from alerts

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def _ask(self, **query: Any) -> tuple[list[tuple[int, str, str | None]], int | None]:
        try:
            self._connection.request(
                "GET", f"{self._target}?{urlencode(query)}", headers=self._headers
            )
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise explained(self._url, error) from None
        shown = printable(self._url)
        if answer.status == _UNAUTHORIZED:
            raise SendError(
                f"{shown} answered 401: it wants a token, or another one; name its file with "
                "--token-file FILE"
            )
        if answer.status != _OK:
            raise SendError(
                f"{shown} answered {answer.status}: is it the admin listener of a receiver?"
            )
        try:
            page = json.loads(text)
            alerts = [
                (int(one["id"]), str(one["endpoint"]), _id_of(one["body"]))
                for one in page["alerts"]
            ]
            return alerts, None if page["next"] is None else int(page["next"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SendError(f"{shown} did not answer with a list of alerts") from None


def check_inbox(
    reader: InboxReader,
    acknowledgements: Sequence[Acknowledgement],
    sent_ids: Iterable[str],
    *,
    after: int,
) -> InboxCheck:
    """Look for each acknowledged alert, and for alerts that are stored twice.

    Args:
        reader: the inbox.
        acknowledgements: the answers of 200.
        sent_ids: the `_id` of every alert that was sent, acknowledged or not.
        after: the highest number of the inbox before the run. Older alerts are read only when an
            answer names one, so a second copy of an older alert shows in the verdict as accepted,
            not here.

    Returns:
        The result. Lost: no alert has the acknowledged number, or that alert has another `_id`;
        without a number, no alert has the `_id`. Stored twice: an `_id` of `sent_ids` under two
        numbers of the same endpoint.

    Raises:
        SendError: the inbox cannot be read.
    """
    numbers = [one.number for one in acknowledgements if one.number is not None]
    after = min([after, *(number - 1 for number in numbers)])
    wanted = set(sent_ids)
    by_number: dict[int, str | None] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for number, endpoint, alert_id in reader.alerts_after(after):
        by_number[number] = alert_id
        if alert_id in wanted:
            places.setdefault((endpoint, str(alert_id)), []).append(number)
    stored = {alert_id for _, alert_id in places}
    problems = [
        f"{one.alert_id} was acknowledged as number {one.number}, {_found(one, by_number)}"
        for one in acknowledgements
        if (one.number is None and one.alert_id not in stored)
        or (one.number is not None and by_number.get(one.number) != one.alert_id)
    ]
    lost = len(problems)
    problems += [
        f"{alert_id} is stored under the numbers {', '.join(map(str, found))}"
        for (_, alert_id), found in places.items()
        if len(found) > 1
    ]
    return InboxCheck(len(acknowledgements), lost, len(problems) - lost, problems[:SHOWN])


def _found(one: Acknowledgement, by_number: dict[int, str | None]) -> str:
    if one.number is None:
        return "and no alert has that _id"
    if one.number not in by_number:
        return "and the inbox has no such number"
    return f"and that is {by_number[one.number]}"


def _id_of(body: str) -> str | None:
    try:
        alert = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = alert.get("_id") if isinstance(alert, dict) else None
    return found if isinstance(found, str) else None
