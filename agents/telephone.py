"""The telephone in a browser: a SIP password that lives and dies with a session.

Asterisk knows one long-lived secret per agent. A browser never gets it: it gets a pass derived
from the secret and from its session, and our relay, which every browser's SIP goes through,
answers Asterisk's challenges in its place. A pass that leaks opens nothing: Asterisk refuses it,
and the relay honours it only together with the session it was made for.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from ivr.errors import HotlineError

_START: Final = re.compile(r"([A-Z]{1,16}) sips?:[^\s]{1,256} SIP/2\.0")
_RESPONSE: Final = re.compile(r"SIP/2\.0 [1-6]\d\d( |$)")
_AUTHORIZATION: Final = re.compile(
    r"(?im)^(?:Proxy-)?Authorization[ \t]*:[ \t]*Digest[ \t]+([^\r\n]*)"
)
_FIELD: Final = re.compile(r'([A-Za-z]{1,32})=(?:"([^"\\\r\n]*)"|([^\s",]+))')
_PULSES: Final = frozenset({"\r\n", "\r\n\r\n"})
_MD5: Final = "md5"


class SipRefused(HotlineError):
    """A browser sent what its own telephone would not send."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """What the relay knows of one browser's telephone."""

    user: str
    """`agent-<id>`, as Asterisk knows it."""
    secret: str
    """Asterisk's; stays here."""
    granted: str
    """The browser's; see `pass_for`."""


def telephone_secret(key: str, agent: str) -> str:
    """Derive the SIP secret that Asterisk has for an agent.

    Args:
        key: the site's own.
        agent: staff id.
    """
    made = hmac.new(key.encode(), b"agent\0" + agent.encode(), hashlib.sha256)
    return made.hexdigest()


def pass_for(secret: str, session: bytes) -> str:
    """Derive the SIP password of a session.

    Args:
        secret: the one that Asterisk has for this agent.
        session: what names the session without opening it.
    """
    return hmac.new(secret.encode(), b"telephone\0" + session, hashlib.sha256).hexdigest()


def relayed(message: str, telephone: Telephone) -> str:
    """Give a SIP message of a browser as Asterisk shall get it.

    Raises:
        SipRefused: it is no SIP, or answers a challenge in a name or with a password that the
            browser was not given.
    """
    start, _, _ = message.partition("\r\n")
    # Empty lines keep the way open (RFC 5626 §3.5.1).
    if message in _PULSES or _RESPONSE.match(start):
        return message
    request = _START.fullmatch(start)
    if request is None:
        raise SipRefused("expected a SIP request or response from the browser.")
    head, separator, body = message.partition("\r\n\r\n")
    found = _AUTHORIZATION.findall(head)
    if not found:
        return message
    if len(found) > 1:
        raise SipRefused(f"expected one answer to a challenge, got {len(found)}.")
    fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(found[0])}
    method = request[1]
    given = fields.get("response", "")
    if fields.get("username") != telephone.user:
        raise SipRefused("expected the browser to answer in the name of its own telephone.")
    due = digest_response(method, fields, telephone.granted)
    if not hmac.compare_digest(given.encode("utf-8", "replace"), due.encode()):
        raise SipRefused("expected the password of this session.")
    ours = digest_response(method, fields, telephone.secret)
    return head.replace(f'"{given}"', f'"{ours}"') + separator + body


def digest_response(method: str, fields: dict[str, str], password: str) -> str:
    """Compute the answer to a challenge (RFC 2617 §3.2.2, MD5 with or without `qop=auth`).

    Args:
        method: of the request.
        fields: of its Authorization header, names in lower case.
        password: of the user named there.

    Raises:
        SipRefused: another algorithm or quality of protection, or a field is missing.
    """
    if fields.get("algorithm", _MD5).lower() != _MD5 or fields.get("qop", "auth") != "auth":
        raise SipRefused("expected an answer by MD5, over the head of the message alone.")
    try:
        owner = _md5(fields["username"], fields["realm"], password)
        asked = _md5(method, fields["uri"])
        if "qop" not in fields:
            return _md5(owner, fields["nonce"], asked)
        counted = (fields["nonce"], fields["nc"], fields["cnonce"], "auth")
    except KeyError as missing:
        raise SipRefused(f"expected {missing} in the answer to a challenge.") from None
    return _md5(owner, *counted, asked)


def _md5(*parts: str) -> str:
    """Hash as RFC 2617 prescribes; Asterisk's side of the digest leaves no choice."""
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
