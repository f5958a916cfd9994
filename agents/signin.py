"""Coming in: by password and code, or by a link. Every way is throttled and written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from agents import audit, users
from agents.auth import Identity, Sessions
from agents.passwords import Vault, code_step
from agents.roles import Permission, may
from agents.throttle import LINK_BY_ADDRESS, LOGIN_BY_ACCOUNT, LOGIN_BY_ADDRESS, Throttle
from agents.users import Account
from ivr.database import Pool


class Reason(Enum):
    """Why somebody was not let in."""

    WRONG = "login_refused"
    """Unknown, shut out, wrong password or wrong code: one answer for all."""
    CODE_NEEDED = "code_needed"
    """The password is right, and a code is needed besides."""
    ELSEWHERE = "session_elsewhere"
    """Somebody who takes calls is signed in already; to be asked before that one is ended."""
    TOO_OFTEN = "too_often"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came over the wire."""

    person: str
    password: str
    code: str
    take_over: bool
    address: str
    """Where it came from; counted, never kept."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody was let in."""

    identity: Identity
    secret: str
    """Of the session, for the browser alone."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Somebody was not let in."""

    reason: Reason
    wait_seconds: int = 0


class SignIn:
    """The door's keeper."""

    def __init__(
        self,
        pool: Pool,
        sessions: Sessions,
        throttle: Throttle,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.vault = Vault()
        self._pool = pool
        self._sessions = sessions
        self._throttle = throttle
        self._now = now

    async def by_password(self, attempt: Attempt) -> Entered | TurnedAway:
        """Let in whoever knows the password, and has the code where there is a second factor."""
        wait = await self._throttle.full(LOGIN_BY_ADDRESS, attempt.address)
        wait = wait or await self._throttle.take(LOGIN_BY_ACCOUNT, attempt.person)
        if wait:
            return TurnedAway(Reason.TOO_OFTEN, wait)
        account = await users.account_of(self._pool, attempt.person)
        stored = account.password if account and account.active else None
        right = await self.vault.verify(stored, attempt.password)
        now = self._now()
        if account is None or not right or not _code_fits(account, attempt.code, now):
            return await self._refused(attempt, account)
        if account.second_factor and not attempt.code:
            return TurnedAway(Reason.CODE_NEEDED)
        # Asked before the code is spent: with the same code he says that he takes over.
        if not attempt.take_over and await self._is_elsewhere(account.identity):
            return TurnedAway(Reason.ELSEWHERE)
        if account.second_factor and not await users.spend_code(
            self._pool, account, attempt.code, now
        ):
            return await self._refused(attempt, account)
        return await self._let_in(account, take_over=attempt.take_over, how="password")

    async def by_link(self, secret: str, address: str) -> Entered | TurnedAway:
        """Let in whoever holds a link; it ends the person's other sessions."""
        if wait := await self._throttle.full(LINK_BY_ADDRESS, address):
            return TurnedAway(Reason.TOO_OFTEN, wait)
        meant = await self._sessions.spend_link(secret) if secret else None
        account = await users.account_of(self._pool, meant.person) if meant else None
        if meant is None or account is None or not account.active:
            await self._throttle.take(LINK_BY_ADDRESS, address)
            await audit.note(self._pool, "", "link.refused", "link")
            return TurnedAway(Reason.WRONG)
        return await self._let_in(account, take_over=True, how="link", limited=meant.limited)

    async def _refused(self, attempt: Attempt, account: Account | None) -> TurnedAway:
        await self._throttle.take(LOGIN_BY_ADDRESS, attempt.address)
        # What was typed as a name may be a password: only names that exist are written down.
        known = account.identity.person if account else ""
        await audit.note(self._pool, known, "login.refused", f"user:{known}")
        return TurnedAway(Reason.WRONG)

    async def _let_in(
        self, account: Account, *, take_over: bool, how: str, limited: bool | None = None
    ) -> Entered | TurnedAway:
        needed = account.needs_factor if limited is None else limited
        identity = replace(account.identity, limited=needed)
        person = identity.person
        if take_over and may(identity.role, Permission.CALLS_TAKE):
            await self._sessions.end_all(person)
        elif await self._is_elsewhere(identity):
            return TurnedAway(Reason.ELSEWHERE)
        secret = await self._sessions.open(identity)
        await audit.note(self._pool, person, "login.done", f"user:{person}", how=how)
        return Entered(identity, secret)

    async def _is_elsewhere(self, identity: Identity) -> bool:
        """Tell whether somebody who takes calls is signed in already; he has one telephone."""
        takes = may(identity.role, Permission.CALLS_TAKE)
        return takes and await self._sessions.count(self._pool, identity.person) > 0


def _code_fits(account: Account, code: str, now: float) -> bool:
    """Tell whether a code is none or right; it is not spent by that."""
    factor = account.second_factor
    return not factor or not code or code_step(factor, code, now) is not None
