"""A real SMTP server (aiosmtpd) on a free port of loopback, which fails on request."""

import asyncio
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "alerts", "correct horse"


class Mailbox:
    """The server's behaviour, and the mails that it took.

    Attributes:
        mails: each mail with the recipients that it was taken for.
        refuse: the answer to RCPT TO by address.
        sender: the answer to MAIL FROM, unless it is empty.
        data: the answer after the text, unless it is empty; the mail is then not taken.
        drop: close the connection instead of answering the text; the mail is taken.
        hang: never answer the text.
    """

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refuse: dict[str, str] = {}
        self.sender = ""
        self.data = ""
        self.drop = False
        self.hang = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data:
            return self.data
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), mail))
        if self.drop:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        if self.hang:
            await asyncio.Event().wait()
        return "250 taken"


class SmtpServer:
    """The server; it serves in a thread from the `with` statement on."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, *, account: bool = False, tls_first: bool = False
    ) -> None:
        """Prepare a server.

        Args:
            tls: offers STARTTLS, and wants it, with this context.
            account: whether USER has to log in with PASSWORD.
            tls_first: whether connections begin with TLS, instead of STARTTLS.
        """
        self.box = Mailbox()
        self.port = 0
        self._tls = tls if tls_first else None
        self._options: dict[str, Any] = {
            "tls_context": None if tls_first else tls,
            "require_starttls": tls is not None and not tls_first,
            "auth_required": account,
            "authenticator": _authenticate if account else None,
            "auth_require_tls": False,
            "enable_SMTPUTF8": True,
            "hostname": "localhost",
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    async def _serve(self) -> int:
        self._server = await self._loop.create_server(
            lambda: SMTP(self.box, loop=self._loop, **self._options),
            "127.0.0.1",
            0,
            ssl=self._tls,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._server.close()
        tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _authenticate(*arguments: Any) -> AuthResult:
    given = arguments[-1]
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)
