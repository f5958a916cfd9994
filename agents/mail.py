"""The door to the mail server: one letter to one address, encrypted, within a time.

An address passes one gate, which knows neither quotes nor control characters, and the library of
letters refuses a line break in a header: nothing typed at a desk becomes a header or a recipient.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from typing import Final

import aiosmtplib

from ivr.config import MailSettings
from ivr.config_people import ADDRESS
from ivr.errors import HotlineError, ValueRefused

_GATE: Final = re.compile(ADDRESS)
_PERMANENT: Final = 500
_DEPTH: Final = 8
_PARTS: Final = 4
"""Answers that one letter waits for: sender, recipient, content, and a reset after a refusal."""


class MailFailed(HotlineError):
    """A letter could not be given to the mail server now."""

    def __init__(self, reason: str) -> None:
        """Say why, as a word with the code that the server gave if it gave one."""
        super().__init__(f"came {reason}.")
        self.reason = reason


class RecipientRefused(HotlineError):
    """The mail server will not take letters for an address."""

    def __init__(self, reason: str) -> None:
        """Say why, as `MailFailed` does."""
        super().__init__(f"came {reason}.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along; its name is ASCII."""

    name: str
    kind: str
    """Media type, such as `text/csv`."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be said to one address."""

    id: str
    """The part of the Message-ID before the @: the same whenever the same letter is sent again."""
    recipient: str
    subject: str
    text: str
    attachments: Sequence[Attachment] = ()


def check_recipient(address: str, domains: Sequence[str]) -> str:
    """Return an address that may be sent to, in one spelling.

    Raises:
        ValueRefused: it is none, or its domain is not among those that the centre allows.
    """
    name, at, domain = address.rpartition("@")
    spelt = f"{name}{at}{domain.lower()}"
    if not _GATE.fullmatch(spelt) or "\n" in spelt:
        raise ValueRefused("expected a mail address, came something else.")
    if domain.lower() not in {one.lower() for one in domains}:
        raise ValueRefused(f"expected a domain of {', '.join(domains) or 'none'}, came {domain}.")
    return spelt


def compose(letter: Letter, settings: MailSettings, now: datetime) -> EmailMessage:
    """Write a letter as it goes over the wire.

    Raises:
        ValueRefused: the address is not allowed, or a header would hold a line break.
    """
    message = EmailMessage(policy=WIRE)
    try:
        message["From"] = settings.sender
        message["To"] = check_recipient(letter.recipient, settings.domains)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{letter.id}@{settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
    except ValueError as refusal:
        raise ValueRefused(f"expected headers of one line: {refusal}.") from None
    message.set_content(letter.text)
    for one in letter.attachments:
        kind, _, form = one.kind.partition("/")
        message.add_attachment(one.content, maintype=kind, subtype=form, filename=one.name)
    return message


class MailServer:
    """A conversation with the mail server, in which letters are given one after the other."""

    def __init__(self, settings: MailSettings, client: aiosmtplib.SMTP) -> None:
        self._settings = settings
        self._client = client

    async def give(self, letter: Letter, now: datetime) -> None:
        """Give one letter; when it returns, the server has taken it on.

        Raises:
            RecipientRefused: for good.
            MailFailed: for now. It may have been taken on if the answer was lost.
            ValueRefused: by us, before a byte of it was sent.
        """
        written = compose(letter, self._settings, now)
        sender, recipient = self._settings.sender, str(written["To"])
        with _told():
            try:
                async with asyncio.timeout(_PARTS * self._settings.deadline_seconds):
                    await self._client.sendmail(sender, [recipient], written.as_bytes())
            except aiosmtplib.SMTPRecipientsRefused as refusal:
                raise _refused(refusal.recipients[0]) from None
            except aiosmtplib.SMTPDataError as refusal:
                raise _refused(refusal) from None


def _refused(
    refusal: aiosmtplib.SMTPResponseException,
) -> RecipientRefused | MailFailed:
    if refusal.code >= _PERMANENT:
        return RecipientRefused(f"refused {refusal.code}")
    return MailFailed(f"put_off {refusal.code}")


def _trust(settings: MailSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.authority)
    except OSError:  # as `ssl.SSLError` is
        raise MailFailed("authority") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _told() -> Iterator[None]:
    """Say what the library raises in one word, with the server's code and none of its text.

    A server's own words may repeat the address; they are not for logs.
    """
    try:
        yield
    except aiosmtplib.SMTPAuthenticationError as failure:
        raise MailFailed(f"login_refused {failure.code}") from None
    except aiosmtplib.SMTPResponseException as failure:
        raise MailFailed(f"put_off {failure.code}") from None
    except TimeoutError:
        raise MailFailed("slow") from None
    except (ssl.SSLError, aiosmtplib.SMTPException, OSError) as failure:
        raise MailFailed(_word_for(failure)) from None


def _word_for(failure: Exception) -> str:
    causes: list[BaseException] = []
    cause: BaseException | None = failure
    while cause is not None and len(causes) < _DEPTH:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in causes):
        return "certificate"
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return "tls"
    if isinstance(failure, OSError):
        return "away"
    return "tls_missing" if "STARTTLS extension" in str(failure) else "not_understood"


@asynccontextmanager
async def mail_server(settings: MailSettings) -> AsyncIterator[MailServer]:
    """Open a conversation: encrypted before anything is said, and with our account if we have one.

    Raises:
        MailFailed: no server, no encryption, it does not know us, or nobody can say whom we trust.
    """
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        timeout=settings.deadline_seconds,
        use_tls=settings.tls == "tls",
        start_tls=settings.tls == "starttls",
        tls_context=None if settings.tls == "none" else _trust(settings),
        local_hostname=settings.sender.rpartition("@")[2],
        username=settings.username or None,
        password=settings.password.get_secret_value() or None,
    )
    with _told():
        async with asyncio.timeout(2 * settings.deadline_seconds):
            await client.connect()
    try:
        yield MailServer(settings, client)
    finally:
        # Whatever became of the letters is known by now; how it takes leave changes nothing.
        client.close()
