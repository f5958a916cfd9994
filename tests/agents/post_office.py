"""A mail server on loopback, with every fault that a real one may have."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ivr.config import MailSettings

PASSWORD = "correct horse"  # noqa: S105 - of nobody


@dataclass
class PostOffice:
    """What the server took on, and what it is told to do."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What it says of a recipient instead of 250."""
    content: str = "250 OK"
    hangs_for: str = ""
    """The address at whose letter it says no more; `*`: at everybody's."""
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    hung: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the server's word
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the server's word
        del server, session
        if self.hangs_for in {"*", *envelope.rcpt_tos}:
            self.hung.set()
            await asyncio.Event().wait()
        if not self.content.startswith("250"):
            return self.content
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.to += envelope.rcpt_tos
        self.taken.set()
        return self.content


def _let_in(
    _server: SMTP,
    _session: Session,
    _envelope: Envelope,
    _how: str,
    data: Any,  # noqa: ANN401 - the library's
) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@asynccontextmanager
async def post_office(
    folder: Path | None, office: PostOffice | None = None
) -> AsyncIterator[PostOffice]:
    """Serve; with a folder encrypted, by the certificate in it."""
    office = office or PostOffice()
    context = None
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")

    def protocol() -> SMTP:
        return SMTP(
            office,
            tls_context=context,
            require_starttls=context is not None,
            auth_required=context is not None,
            authenticator=_let_in,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        await server.wait_closed()


def certify(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself; returns the authority to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post office")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(secret + public)
    (folder / "authority.pem").write_bytes(public)
    return folder / "authority.pem"


def settings_for(office: PostOffice, authority: Path | None, **changed: object) -> MailSettings:
    """Describe the server as an operator would."""
    told: dict[str, object] = {
        "host": "127.0.0.1",
        "port": office.port,
        "tls": "none" if authority is None else "starttls",
        "authority": authority,
        "username": "" if authority is None else "hotline",
        "password": "" if authority is None else PASSWORD,
        "sender": "12320@hotline.example.cn",
        "domains": ("wjw.example.cn", "hotline.example.cn"),
        "deadline_seconds": 10.0,
    }
    return MailSettings.model_validate(told | changed)
