"""The commands about the quarantine: quarantine list, show, retry and drop."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from incm_webhook.cli.confirm import confirm, yes_option
from incm_webhook.cli.inbox import (
    Number,
    filter_parameters,
    open_client,
    place_options,
)
from incm_webhook.cli.listing import pages_of, posts_until_done, print_json, print_list, table_of
from incm_webhook.errors import EXIT_FAILED, ConfigError

if TYPE_CHECKING:
    from incm_webhook.sender.diagnosis import Diagnosis, Key

KINDS = ("not-json", "wrong-signature", "missing-signature", "unknown-path", "wrong-method")
_HEADS = ("ID", "RECEIVED", "KIND", "ENDPOINT", "FROM", "BYTES")
_PUT_RIGHT = (
    "correct the URL in InCloud Manager (POST, to the path of an endpoint), or give an endpoint "
    "this path and reload; then `incm-webhook quarantine retry` takes it"
)
_CHUNK = ("ids", 64)  # numbers in one call
_NUMBER = Number("a number")

_ids = click.argument("ids", metavar="[ID]...", type=_NUMBER, nargs=-1)
_endpoint = click.option("--endpoint", metavar="PATH", help="Only those of this endpoint.")
_kind = click.option("--kind", type=click.Choice(KINDS), help="Only those of this kind.")
_all = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group(short_help="Look at refused requests, retry or drop them.")
def quarantine() -> None:
    """Look at refused requests, retry or drop them.

    The quarantine keeps authentic bodies that are no JSON. Within limits, it also keeps requests
    with a wrong or missing signature, and signed requests for a path that no endpoint has or with a
    method other than POST.

    Example: incm-webhook quarantine list
    """


@quarantine.command("list")
@_endpoint
@_kind
@click.option("--since", metavar="TIME", help="Received since: 2h (ago), 10:00, 2026-11-24T10:00.")
@click.option("--limit", type=click.IntRange(1), default=20, help="How many at most; 20.")
@place_options
def list_quarantine(
    *,
    endpoint: str | None,
    kind: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
    **place: str | None,
) -> int:
    """List the quarantined requests, the newest first.

    Example: incm-webhook quarantine list --since 2h
    """
    parameters = [*filter_parameters((), (), since), ("order", "desc")]
    parameters += [("endpoint", endpoint)] if endpoint else []
    parameters += [("kind", kind)] if kind else []
    with open_client(place, read_only=True) as client:
        found = pages_of(client, "quarantine", parameters, limit, "before")
        print_list(found, "nothing is in the quarantine", _table, as_json=as_json)
    return 0


def _table(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    moment = ("RECEIVED", "received_at")
    return table_of(found, moment, _HEADS, _row, right={"ID", "BYTES"}, whole={"ID", "KIND"})


def _row(entry: dict[str, Any], received: str) -> list[str]:
    return [
        str(entry["id"]),
        received,
        entry["kind"],
        entry["endpoint"],
        entry["peer"] or "-",
        str(entry["bytes"]),
    ]


@quarantine.command(short_help="Show a request, and why it was refused.")
@click.argument("id", type=_NUMBER)
@click.option(
    "--secret-file",
    "secret_files",
    multiple=True,
    metavar="FILE",
    help="Explain with this secret instead of the configuration's; further files are other "
    "secrets to try.",
)
@place_options
def show(
    *,
    id: int,  # noqa: A002 - the argument's name
    secret_files: tuple[str, ...],
    as_json: bool,
    **place: str | None,
) -> int:
    """Show what was sent, from where, and why its signature does not fit.

    The explanation needs the secrets, from the configuration or --secret-file. None is printed.

    Example: incm-webhook quarantine show 3 --secret-file ./secret
    """
    with open_client(place, read_only=True) as client:
        entry = client.get(f"quarantine/{id}")
    diagnosis, excuse = _explain(entry, place.get("config"), secret_files)
    if as_json:
        causes, advice = (diagnosis.causes, diagnosis.advice) if diagnosis else ((), ())
        print_json({**entry, "causes": causes, "advice": advice})
        return 0
    from incm_webhook.cli.view.times import local_time
    from incm_webhook.log import printable

    signature = "none" if entry["signature"] is None else printable(entry["signature"])
    peer = entry["peer"] or "an unknown address"
    for name, value in (
        ("received", f"{local_time(entry['received_at'])} from {peer}"),
        ("endpoint", entry["endpoint"]),
        ("kind", entry["kind"]),
        ("signature", signature),
        ("type", entry["content_type"] or "none"),
        ("refused", entry["reason"]),
    ):
        click.echo(f"{name:<10}  {printable(value)}")
    for line in _explanation(id, diagnosis, excuse):
        click.echo(line)
    click.echo()
    body = body_of(entry)
    click.echo(f"body, {len(body)} bytes:")
    for text in body.decode(errors="backslashreplace").split("\n"):
        click.echo(printable(text))
    return 0


def _explanation(number: int, diagnosis: "Diagnosis | None", excuse: str) -> Iterator[str]:
    from incm_webhook.log import printable

    if diagnosis is None:
        if excuse:
            yield f"{'why':<10}  not known: {printable(excuse)}"
            yield f"{'what to do':<10}  incm-webhook quarantine show {number} --secret-file FILE"
    elif diagnosis.valid:
        yield (
            f"{'why':<10}  the signature fits a current secret: `incm-webhook quarantine retry` "
            "takes it"
        )
    else:
        for cause in diagnosis.causes:
            yield f"{'why':<10}  {printable(cause)}"
        for advice in diagnosis.advice:
            yield f"{'what to do':<10}  {printable(advice)}"


def body_of(entry: Mapping[str, Any]) -> bytes:
    """Return the body of an entry of the API, exactly as it was received."""
    if "body_base64" in entry:
        return base64.b64decode(entry["body_base64"])
    return str(entry["body"]).encode()


def _explain(
    entry: Mapping[str, Any], config: str | None, secret_files: Sequence[str]
) -> "tuple[Diagnosis | None, str]":
    """Diagnose a request. Without the secrets, return a sentence about what is missing."""
    from incm_webhook.sender.diagnosis import diagnose, diagnose_signed

    if entry["kind"] == "not-json":
        return diagnose_signed(body_of(entry)), ""
    if entry["signature"] is None:
        return diagnose(b"", None, ()), ""  # no secret is needed for that
    misdirected = entry["kind"] in ("unknown-path", "wrong-method")
    try:
        keys = _keys(None if misdirected else entry["endpoint"], config, secret_files)
    except (ConfigError, click.UsageError) as error:
        return None, str(error)
    diagnosis = diagnose(body_of(entry), entry["signature"], keys)
    if misdirected and diagnosis.valid:
        from incm_webhook.sender.diagnosis import Diagnosis

        where = f"the signature is right, but {entry['reason']}"
        return Diagnosis(valid=False, found=True, causes=(where,), advice=(_PUT_RIGHT,)), ""
    return diagnosis, ""


def _keys(endpoint: str | None, config: str | None, secret_files: Sequence[str]) -> "list[Key]":
    from incm_webhook.cli.doctor import configured_keys, given_keys

    return given_keys(secret_files) if secret_files else configured_keys(config, endpoint)


@quarantine.command(short_help="Handle requests again, as if they came now.")
@_ids
@_endpoint
@_kind
@_all
@place_options
def retry(
    *,
    ids: tuple[int, ...],
    endpoint: str | None,
    kind: str | None,
    everything: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Handle requests again, as if they came now: these, those of an endpoint or kind, or --all.

    Each is verified with the current secrets of its endpoint. A request that fits is stored,
    delivered, and removed from the quarantine. Exit status: 0 when each was accepted, 1 when some
    were refused again.

    Example: incm-webhook quarantine retry --all
    """
    chosen = _chosen(ids, endpoint, kind, everything=everything)
    tally: dict[str, int] = {"accepted": 0, "duplicate": 0, "refused": 0, "gone": 0}
    with open_client(place, filters=True, secrets=True) as client:
        for answer in posts_until_done(client, "quarantine/retry", chosen, _CHUNK):
            for result in answer["results"]:
                tally[result["result"]] += 1
                if as_json:
                    print_json(result)
                else:
                    click.echo(_outcome(result))
    if not as_json:
        parts = [f"{count:,} {word}" for word, count in tally.items() if count]
        click.echo(", ".join(parts) or "nothing is in the quarantine")
    return EXIT_FAILED if tally["refused"] or tally["gone"] else 0


def _outcome(result: Mapping[str, Any]) -> str:
    from incm_webhook.log import printable

    number, word = result["id"], result["result"]
    if word == "accepted":
        return f"{number}: accepted as alert {result['alert']}"
    if word == "duplicate":
        return f"{number}: a repetition of alert {result['alert']}"
    if word == "gone":
        return f"{number}: is not in the quarantine"
    return f"{number}: refused again: {printable(result['reason'])}"


@quarantine.command(short_help="Drop requests for good.")
@_ids
@_endpoint
@_kind
@_all
@yes_option
@place_options
def drop(
    *,
    ids: tuple[int, ...],
    endpoint: str | None,
    kind: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
    **place: str | None,
) -> int:
    """Drop requests for good: these, those of an endpoint or kind, or --all.

    Example: incm-webhook quarantine drop --all
    """
    chosen = _chosen(ids, endpoint, kind, everything=everything)
    with open_client(place) as client:
        if not ids and not yes:
            _confirm(endpoint, kind)
        count = sum(
            answer["dropped"]
            for answer in posts_until_done(client, "quarantine/drop", chosen, _CHUNK)
        )
    if as_json:
        print_json({"dropped": count})
    else:
        click.echo(f"{count:,} {'request' if count == 1 else 'requests'} dropped")
    return EXIT_FAILED if ids and count == 0 else 0


def _confirm(endpoint: str | None, kind: str | None) -> None:
    which = "".join(
        f" of {name} {value}" for name, value in (("endpoint", endpoint), ("kind", kind)) if value
    )
    confirm(f"Drop all requests{which} for good?", "to drop them")


def _chosen(
    ids: Sequence[int], endpoint: str | None, kind: str | None, *, everything: bool
) -> dict[str, Any]:
    if bool(ids) + bool(endpoint or kind) + everything != 1:
        raise _usage("say which: numbers, --endpoint or --kind, or --all")
    chosen: dict[str, Any] = {"all": True} if everything else {}
    if ids:
        chosen["ids"] = list(ids)
    if endpoint:
        chosen["endpoint"] = endpoint
    if kind:
        chosen["kind"] = kind
    return chosen


def _usage(text: str) -> click.UsageError:
    return click.UsageError(text, click.get_current_context())
