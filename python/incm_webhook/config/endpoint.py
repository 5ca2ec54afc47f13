"""The model of `[[endpoint]]`: a path that takes alerts, and its secrets."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool, StrictStr, model_validator

from incm_webhook.config.secrets import FoundSecrets, Secret
from incm_webhook.config.types import PositiveDuration, RateSetting, Table, Texts, url_path
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

    path: Annotated[str, BeforeValidator(url_path)] = "/webhook"
    secret: Annotated[tuple[SecretSource, ...], BeforeValidator(_secret_sources)] = ()
    secret_file: Texts = ()
    unsigned: StrictBool = False
    ack: Literal["stored", "processed"] = "stored"
    ack_timeout: Annotated[PositiveDuration, Field(le=3600)] = 8.0
    rate: RateSetting = None
    strict_slash: StrictBool = False
    _found: FoundSecrets = PrivateAttr(default_factory=FoundSecrets)

    def hold(self, found: FoundSecrets) -> None:
        """Set the secrets that `secret` and `secret_file` name; only for `load_settings`."""
        self._found = found

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets themselves, in the order in which they are tried; empty when unsigned."""
        return tuple(self._found.secrets)

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
