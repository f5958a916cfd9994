"""Passwords and codes: what is taken as one, and whether one is right.

After NIST SP 800-63B: length instead of composition, and nothing that is guessed first. The
hash is Argon2id with the library's defaults (RFC 9106, low-memory profile): 64 MiB, so at most
`AT_ONCE` are computed at a time, each in a thread.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from ivr.errors import HotlineError

T = TypeVar("T")

SHORTEST: Final = 12
LONGEST: Final = 128
AT_ONCE: Final = 2
MOST_WAITING: Final = 32
"""Being computed or waiting: some two seconds' work."""
STEP_SECONDS: Final = 30
"""How long a code is shown (RFC 6238)."""

_HARD_ENOUGH: Final = 3
"""Of zxcvbn's 0 to 4: more than 10^8 guesses."""
_JUDGED: Final = 40
"""Characters that are judged: the time grows with the square, and these alone are strong."""
_OWN: Final = 6
"""Characters that must be left without the words that belong to the person or the hotline."""
_ISSUER: Final = "12320"
_CONTEXT: Final = ("12320", "hotline", "weisheng", "rexian", "admin")
_HASHER: Final = PasswordHasher()
_NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$wyHYqlH8BJlqc/uRyX0CnA$"
    "uUTZG8IXcG+URFdHtUHVuylP4ezeshjypk/OkMJ3dFg"
)
"""Verified for unknown people, so that they take as long as known ones; of a random password that
was thrown away. Written down, because making one costs each start a third of a second."""


def weakness(password: str, about: Iterable[str] = ()) -> str | None:
    """Say in Chinese why a password is not taken; None when it is.

    Args:
        password: as typed.
        about: words that belong to the person, such as id and name.
    """
    if len(password) < SHORTEST:
        return f"密码至少{SHORTEST}个字符。"
    if len(password) > LONGEST:
        return f"密码最多{LONGEST}个字符。"
    context = [word.lower() for word in (*about, *_CONTEXT) if word]
    own = password.lower()
    for word in context:
        own = own.replace(word, "")
    if len(own) < _OWN:
        return "密码不能主要由工号、姓名或热线名称组成。"
    if zxcvbn(password[:_JUDGED], user_inputs=context)["score"] < _HARD_ENOUGH:
        return "密码太容易被猜到，请换用几个不相关的词或更长的句子。"
    return None


class Busy(HotlineError):
    """So many passwords are being looked at that one more would have to wait too long."""


class Vault:
    """Hashes and verifies passwords off the event loop.

    Its methods raise `Busy`: whoever sends passwords by the thousand shall not make others wait.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        return await self._apart(lambda: _HASHER.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether a password is right; as slow for nobody as for somebody."""
        right = await self._apart(lambda: _verified(stored or _NOBODY, password))
        return right and stored is not None

    async def _apart(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _verified(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def new_factor() -> str:
    """Make the secret of a second factor."""
    return pyotp.random_base32()


def factor_uri(person: str, secret: str) -> str:
    """Return what an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=person, issuer_name=_ISSUER)


def code_step(secret: str, code: str, at: float) -> int | None:
    """Return the time step whose code this is, one step before or after included; None if none.

    Args:
        secret: of the second factor.
        code: six digits, as typed.
        at: now, in seconds since 1970.
    """
    steps = pyotp.TOTP(secret, interval=STEP_SECONDS)
    now = int(at // STEP_SECONDS)
    right = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(steps.generate_otp(step).encode(), code.encode())
    ]
    return right[0] if right else None
