"""Sends each alert as an e-mail, in plain text and HTML, over SMTP.

[[plugin]]
use = "email"

[plugin.config]
host = "smtp.example.com"
username = "alerts@example.com"
password = { file = "smtp-password" }
from = "Alerts <alerts@example.com>"
to = ["noc@example.com"]
"""

import contextlib
import html
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from incm_webhook import (
    Alert,
    Context,
    PluginError,
    Reject,
    Retry,
    Template,
    Unavailable,
    plugin,
)
from incm_webhook.fields import PositiveDuration
from incm_webhook.message import (
    colour,
    facts,
    incident_key,
    one_line,
    subject,
    text,
    without_controls,
)

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_SUBJECT = 200  # characters


def _address(value: str) -> str:
    """Check one address, with or without a name: "Alerts <alerts@example.com>".

    Raises:
        ValueError: it is none.
    """
    _, spec = parseaddr(value)
    try:
        address = Address(addr_spec=spec)
    except Exception as error:  # the parser raises IndexError and others, too
        raise ValueError(f'wants an address such as "noc@example.com", not {value!r}') from error
    if not address.domain or not spec.isascii() or any(one in value for one in "\r\n\0"):
        raise ValueError(f'wants an address such as "noc@example.com", not {value!r}')
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


MailAddress = Annotated[str, AfterValidator(_address)]
Recipients = Annotated[tuple[MailAddress, ...], BeforeValidator(_as_list), Field(min_length=1)]


class EmailConfig(BaseModel):
    """The settings of the plugin.

    Attributes:
        host: the name or address of the mail server.
        port: its port; by default 587 for STARTTLS, 465 for TLS, 25 for neither.
        security: "starttls" and "tls" encrypt and check the server's certificate; "none" is for a
            server on this machine.
        username: the account, if the server wants one.
        password: its password. It is not sent without encryption, except to this machine.
        password_in_clear: send it all the same, to any host.
        ca_file: certificates (PEM) to trust instead of those of the system.
        from_: the sender's address, `from` in the configuration.
        to: the recipients' addresses, one or a list.
        subject: a template for the subject.
        text: a template for the plain text.
        html: a template for the HTML part; write `{{ alert.title | e }}` to escape a value. With a
            template for the text and none for HTML, the mail has no HTML part.
        time_limit: how long sending one mail may take. Keep it below the plugin's `timeout`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    password_in_clear: bool = False
    ca_file: Path | None = None
    from_: MailAddress = Field(alias="from")
    to: Recipients
    subject: Template | None = None
    text: Template | None = None
    html: Template | None = None
    time_limit: PositiveDuration = 20.0

    @model_validator(mode="after")
    def _whole_account(self) -> "EmailConfig":
        if (self.username is None) != (self.password is None):
            raise ValueError("wants both username and password, or neither")
        return self

    @model_validator(mode="after")
    def _hides_the_password(self) -> "EmailConfig":
        in_clear = self.security == "none" and self.password is not None
        if in_clear and not self.password_in_clear and not _is_loopback(self.host):
            raise ValueError(
                f"would send the password without encryption to {self.host}: set security = "
                '"starttls" or "tls" (or password_in_clear = true, for a network that only you use)'
            )
        return self


@plugin("email", config=EmailConfig, concurrency=2, timeout="30s")
class Email:
    """Send each alert as a mail.

    Shape: a connection for each mail. The Message-ID is made of the delivery key, so that a mail
    server that knows it can drop a repetition. The References header is the same for all alerts of
    one incident, so that mail programs show them as one thread. Recipients that the server refuses
    for now are kept in the plugin's state, and only they get the mail at the next attempt.
    Errors: Retry for recipients that are refused for now (4xx); Reject when the server refuses the
    text (5xx after DATA); Unavailable when it refuses the account, the sender, all recipients, or
    TLS; OSError or SMTPException otherwise, and the mail is tried again.
    Threads: any.
    """

    def __init__(self, config: EmailConfig) -> None:
        self._config = config
        try:
            self._tls = ssl.create_default_context(cafile=config.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise PluginError(f"config ca_file: cannot use {config.ca_file}: {error}") from None

    def handle(self, alert: Alert, ctx: Context) -> None:
        """Send one mail to those recipients that have not got it yet."""
        pending = f"pending:{ctx.delivery_key}"
        recipients = ctx.state.get(pending) or [parseaddr(one)[1] for one in self._config.to]
        mail = compose(alert, ctx, self._config)
        with self._session() as session:
            refused = self._send(session, mail, recipients)
        later = [one for one, (code, _) in refused.items() if code < 500]
        for one, answer in refused.items():
            ctx.log.warning("the mail server refused %s: %s", one, _readable(*answer))
        if later:
            ctx.state.set(pending, later)
            raise Retry
        ctx.state.delete(pending)

    def connect(self) -> None:
        """Connect to the server and log in, without sending anything."""
        with self._session() as session:
            session.noop()

    def _send(
        self, session: smtplib.SMTP, mail: EmailMessage, recipients: Sequence[str]
    ) -> dict[str, tuple[int, bytes]]:
        """Send a mail; return the refused recipients with the server's answers.

        Raises:
            Unavailable: the sender is refused, or all recipients are refused for good.
            Reject: the text is refused for good.
            SMTPException: the server has a passing trouble.
        """
        try:
            sender = parseaddr(self._config.from_)[1]
            return session.send_message(mail, sender, list(recipients))
        except smtplib.SMTPRecipientsRefused as error:
            if all(code >= 500 for code, _ in error.recipients.values()):
                reply = _readable(*next(iter(error.recipients.values())))
                raise Unavailable(f"the mail server refused all recipients: {reply}") from error
            return dict(error.recipients)
        except smtplib.SMTPSenderRefused as error:
            reply = _readable(error.smtp_code, error.smtp_error)
            if error.smtp_code >= 500:
                raise Unavailable(f"the mail server refused the sender: {reply}") from error
            raise
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= 500:
                reply = _readable(error.smtp_code, error.smtp_error)
                raise Reject(f"the mail server refused the mail: {reply}") from error
            raise

    @contextlib.contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Connect, encrypt and log in; end the session at the end.

        Raises:
            Unavailable: TLS, the certificate or the account is refused.
            OSError, SMTPException: the server cannot be reached, or has a passing trouble.
        """
        config = self._config
        limit = config.time_limit
        if config.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(timeout=limit, context=self._tls)
        else:
            session = smtplib.SMTP(timeout=limit)
        # The name that the certificate must have; only a constructor that connects sets it.
        session._host = config.host  # type: ignore[attr-defined]
        try:
            with _closed_after(session, limit):
                session.connect(config.host, config.port or _PORTS[config.security])
                self._log_in(session)
                yield session
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    session.quit()  # what it answers does not change what it took
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(
                f"the certificate of {config.host} is not valid: {error.verify_message}"
            ) from error

    def _log_in(self, session: smtplib.SMTP) -> None:
        config = self._config
        try:
            if config.security == "starttls":
                session.starttls(context=self._tls)
            if config.username is not None and config.password is not None:
                session.login(config.username, config.password.get_secret_value())
        except smtplib.SMTPNotSupportedError as error:
            raise Unavailable(
                f"the mail server does not offer what is configured: {error}"
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            reply = _readable(error.smtp_code, error.smtp_error)
            if error.smtp_code >= 500:
                raise Unavailable(f"the mail server refused the account: {reply}") from error
            raise


@contextlib.contextmanager
def _closed_after(session: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Break a session off after this time: smtplib's own limit is for each read.

    Raises:
        TimeoutError: the session was broken off.
    """
    late = threading.Event()

    def shut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            if session.sock is not None:
                session.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        if late.is_set():
            raise TimeoutError(f"the mail server did not finish within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        session.close()


def compose(alert: Alert, ctx: Context, config: EmailConfig) -> EmailMessage:
    """Write the mail about an alert.

    Args:
        alert: any alert.
        ctx: the context of its delivery.
        config: the plugin's settings.

    Returns:
        A message with a text part, and an HTML part unless only the text has a template.
    """
    domain = parseaddr(config.from_)[1].rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = config.from_
    mail["To"] = ", ".join(config.to)
    head = ctx.render(config.subject, alert) if config.subject else subject(alert)
    mail["Subject"] = one_line(head, _SUBJECT) or "Alert"
    mail["Date"] = format_datetime(ctx.received_at)
    mail["Message-ID"] = f"<{ctx.delivery_key}@{domain}>"
    mail["References"] = f"<{incident_key(alert)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    body = ctx.render(config.text, alert) if config.text else text(alert)
    mail.set_content(without_controls(body))
    if config.html:
        mail.add_alternative(without_controls(ctx.render(config.html, alert)), subtype="html")
    elif not config.text:
        mail.add_alternative(_page(alert), subtype="html")
    return mail


def _page(alert: Alert) -> str:
    """Write the HTML part: a heading and a table of what is known."""
    rows = "".join(
        '<tr><td style="padding:2px 16px 2px 0;color:#666">'
        f"{html.escape(label)}</td><td>{html.escape(value)}</td></tr>"
        for label, value in facts(alert)
    )
    content = html.escape(one_line(alert.content or "", 1000))
    return (
        '<!doctype html><html lang="en"><body style="font-family:sans-serif;color:#222">'
        f'<div style="border-left:4px solid {colour(alert)};padding:4px 12px">'
        f'<h3 style="margin:0 0 8px">{html.escape(subject(alert))}</h3>'
        f"{f'<p>{content}</p>' if content else ''}<table>{rows}</table></div></body></html>\n"
    )


def _readable(code: int, answer: Any) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return one_line(f"{code} {text}", 300)
