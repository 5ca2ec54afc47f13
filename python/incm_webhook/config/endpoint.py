"""The model of `[[endpoint]]`: a path that takes alerts, and its secrets."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool, StrictStr, model_validator

from incm_webhook.config.secrets import FoundSecrets, Secret
from incm_webhook.config.types import PositiveDuration, RateSetting, Table, Texts, url_path
from incm_webhook.config.written import Written, alone_if_one, key, one_or_list
from incm_webhook.errors import ConfigError


class SecretSource(Table):
    """The source of one secret: exactly one of the three is set."""

    inline: Secret | None = None
    env: StrictStr | None = None
    file: StrictStr | None = None


def _inline_secret(text: str) -> Secret:
    try:
        return Secret(text.encode())
    except ConfigError as error:
        raise ValueError(str(error)) from None


_SECRET = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        *(
            {
                "type": "object",
                "properties": {name: {"type": "string", "minLength": 1}},
                "required": [name],
                "additionalProperties": False,
            }
            for name in ("env", "file")
        ),
    ]
}


def _write_secrets(sources: tuple[SecretSource, ...]) -> Any:
    """Write sources without the secrets that stand in the text itself."""
    return alone_if_one(
        "***" if one.inline is not None else {"env": one.env} if one.env else {"file": one.file}
        for one in sources
    )


def _secret_sources(value: object) -> tuple[SecretSource, ...]:
    sources = []
    for one in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(one, SecretSource):
            sources.append(one)
        elif isinstance(one, str) and one:
            sources.append(SecretSource(inline=_inline_secret(one)))
        elif (
            isinstance(one, dict)
            and len(one) == 1
            and all(isinstance(text, str) and text for text in one.values())
            and set(one) <= {"env", "file"}
        ):
            sources.append(SecretSource(**one))
        else:
            raise ValueError(
                'wants { file = "FILE" }, { env = "NAME" }, a text in quotes that is not empty, '
                "or a list of these"
            )
    return tuple(sources)


class EndpointSettings(Table):
    """`[[endpoint]]`: a path that accepts alerts, with secrets or unsigned."""

    path: Annotated[
        str, BeforeValidator(url_path), Written("path", {"type": "string", "pattern": "^/[^?#]*$"})
    ] = key("/webhook", "Path of the URL that takes the alerts; each endpoint has its own")
    secret: Annotated[
        tuple[SecretSource, ...],
        BeforeValidator(_secret_sources),
        Written("secret or list of them", one_or_list(_SECRET), _write_secrets),
    ] = key(
        (),
        "The secret token of the webhook, in a variable, a file or in the text itself; several "
        "are tried in this order",
        example={"env": "WEBHOOK_SECRET"},
        without="none",
    )
    secret_file: Texts = key(
        (),
        "File that holds the secret token, or several files that are tried in this order; a bare "
        "name is also looked for in systemd's credentials and in /run/secrets",
        example=["new", "old"],
        without="none",
    )
    unsigned: StrictBool = key(
        default=False,
        meaning="Accept alerts without a signature; an endpoint has a secret, or this",
    )
    ack: Literal["stored", "processed"] = key(
        "stored", "Answer 200 once the alert is stored, or when every plugin has handled it, too"
    )
    ack_timeout: Annotated[PositiveDuration, Field(le=3600)] = key(
        8.0, 'How long the answer waits for plugins with ack = "processed"; at most 1 h'
    )
    rate: RateSetting = key(
        None, "Signed alerts above this rate get 429", example="100/s", without="no limit"
    )
    strict_slash: StrictBool = key(
        default=False, meaning='Whether a "/" at the end of the path matters'
    )
    silent_after: PositiveDuration | None = key(
        None,
        "After so long without an alert the endpoint counts as silent, which is reported",
        example="6h",
        without="it never does",
    )
    _found: FoundSecrets = PrivateAttr(default_factory=FoundSecrets)

    def hold(self, found: FoundSecrets) -> None:
        """Set the secrets that `secret` and `secret_file` name; only for `load_settings`."""
        self._found = found

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets themselves, in the order in which they are tried; empty when unsigned."""
        return tuple(self._found.secrets)

    @property
    def secret_paths(self) -> list[Path]:
        """The files from which the secrets were read."""
        return self._found.paths

    @property
    def secret_warnings(self) -> list[str]:
        """The warnings about the secrets and their files, a sentence each, without secrets."""
        return self._found.warnings

    @model_validator(mode="after")
    def _has_one_of_both(self) -> "EndpointSettings":
        has_secret = bool(self.secret or self.secret_file)
        if has_secret and self.unsigned:
            raise ValueError(
                "has a secret and is unsigned: leave out unsigned to accept only signed alerts, or "
                "leave out the secret to accept any"
            )
        if not has_secret and not self.unsigned:
            raise ValueError(
                "has no secret and is not unsigned: give the webhook's secret token "
                '(secret_file = "FILE", or --secret-file FILE), or set unsigned = true '
                "(or --unsigned) to accept alerts from anyone who can reach this address"
            )
        return self
