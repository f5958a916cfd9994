"""Coming in, one's own session, and what one needs to come in again."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import Annotated, Final

import structlog
from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r204
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.types import StringConstraints

from agents import users
from agents.auth import DAY_SECONDS
from agents.passwords import LONGEST, factor_uri, new_factor, weakness
from agents.roles import GRANTS, NAMES, Role
from agents.signin import Attempt, Entered, Reason, TurnedAway
from agents.throttle import PASSWORD
from agents.web.api import (
    POOL,
    PRESENTED,
    afterwards,
    answer,
    change,
    done,
    endpoint,
    limited,
    reading,
    session,
    who,
)
from agents.web.doors import SECURE, SESSIONS, SIGN_IN, address, cookie_name
from agents.web.problems import Refused

_REFUSALS: Final = {
    Reason.WRONG: (401, "工号、密码或验证码不正确。"),
    Reason.CODE_NEEDED: (401, "请输入动态验证码。"),
    Reason.ELSEWHERE: (409, "此工号已在别处登录，是否在此接管？"),
    Reason.TOO_OFTEN: (429, "登录尝试过于频繁，请稍后再试。"),
}

_log = structlog.get_logger()

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Login(_Body):
    """How somebody comes in."""

    person: Annotated[str, Field(min_length=1, max_length=64, description="Staff id")]
    password: Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]
    code: Code | None = Field(None, description="Of the authenticator app, where one is set up")
    take_over: bool = Field(
        default=False, description="End the session that the person has elsewhere"
    )


class Needs(BaseModel):
    """What somebody must set up before anything else is open to him."""

    password: bool
    second_factor: bool


class Session(BaseModel):
    """Who is signed in, and what he may."""

    person: str
    name: str
    role: Role
    role_name: str = Field(description="Chinese")
    permissions: list[str]
    limited: bool = Field(description="Only `needs` can be dealt with in this session")
    needs: Needs
    ends_at: datetime = Field(description="A session ends then at the latest, or after a rest")


class NewPassword(_Body):
    """A password to be."""

    current: SecretStr | None = Field(
        None, description="Not asked for while there is none, nor in a limited session"
    )
    password: Annotated[SecretStr, Field(min_length=1, max_length=4 * LONGEST)]


class Factor(BaseModel):
    """A second factor to be; in force after its first code."""

    secret: str = Field(description="Base32, for typing")
    uri: str = Field(description="otpauth:, for a QR code drawn by the browser")


class FirstCode(_Body):
    """Proof that the person holds the second factor."""

    code: Code


@endpoint
async def login(request: web.Request, body: Login) -> r204:
    """Come in by password; sets the session's cookie.

    Refusals: `login_refused` (401), `code_needed` (401: the same again with a code),
    `session_elsewhere` (409: the same again with `take_over`), `too_often` (429).
    """
    attempt = Attempt(
        body.person,
        body.password.get_secret_value(),
        body.code or "",
        body.take_over,
        address(request),
    )
    return entered(request, await request.app[SIGN_IN].by_password(attempt))


def entered(request: web.Request, result: Entered | TurnedAway) -> web.Response:
    """Give the browser its session, or say why not.

    Raises:
        Refused: somebody was turned away.
    """
    if isinstance(result, TurnedAway):
        _log.warning("access.login_refused", reason=result.reason.value)
        status, words = _REFUSALS[result.reason]
        raise Refused(status, result.reason.value, words, retry_seconds=result.wait_seconds)
    _log.info("access.entered", person=result.identity.person)
    response = done()
    response.set_cookie(
        cookie_name(request.app),
        result.secret,
        max_age=DAY_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=request.app[SECURE],
        path="/",
    )
    return response


@endpoint
async def leave(request: web.Request) -> r204:
    """End the session, here and everywhere it is known."""
    name = cookie_name(request.app)
    if secret := request.cookies.get(name):
        await request.app[SESSIONS].leave(secret)
    response = done()
    response.del_cookie(name, path="/", secure=request.app[SECURE], samesite="Strict")
    return response


@endpoint
async def show(request: web.Request) -> r200[Session]:
    """Tell who is signed in."""
    identity = who(request)
    async with reading(request) as connection:
        account = await users.account_of(connection, identity.person)
    if account is None:
        raise Refused(401)
    return answer(
        Session(
            person=identity.person,
            name=identity.name,
            role=identity.role,
            role_name=NAMES[identity.role],
            permissions=sorted(GRANTS[identity.role]),
            limited=identity.limited,
            needs=Needs(password=account.password is None, second_factor=account.needs_factor),
            ends_at=request[PRESENTED].ends_at,
        )
    )


@change
async def set_password(request: web.Request, body: NewPassword) -> r204:
    """Choose a password; ends the person's other sessions."""
    await limited(request, PASSWORD)
    identity, vault = who(request), request.app[SIGN_IN].vault
    account = await users.account_of(session(request), identity.person)
    current = body.current.get_secret_value() if body.current else ""
    # A limited session was opened a moment ago, by the password itself or by a link of somebody who
    # may let people in: it is how a forgotten password is replaced.
    asked = account is None or (account.password is not None and not identity.limited)
    if asked and not await vault.verify(account.password if account else None, current):
        raise Refused(403, "password_wrong", "当前密码不正确。")
    password = body.password.get_secret_value()
    if why := weakness(password, (identity.person, identity.name)):
        raise Refused(422, "password_weak", why)
    await users.set_password(session(request), vault, identity.person, password)
    await end_sessions(request, identity.person, but=request[PRESENTED].hash)
    return done()


@endpoint
async def offer_factor(request: web.Request) -> r200[Factor]:
    """Make a second factor; the old one stays in force until the new one's first code."""
    await limited(request, PASSWORD)
    secret, person = new_factor(), who(request).person
    await users.offer_factor(request.app[POOL], person, secret)
    return answer(Factor(secret=secret, uri=factor_uri(person, secret)))


@change
async def take_factor(request: web.Request, body: FirstCode) -> r204:
    """Put the second factor in force; ends the other sessions, and a limited one: sign in anew."""
    await limited(request, PASSWORD)
    identity = who(request)
    if not await users.take_factor(session(request), identity.person, body.code, time.time()):
        raise Refused(422, "code_wrong", "验证码不正确。")
    if identity.limited:
        await end_sessions(request, identity.person)
    else:
        await end_sessions(request, identity.person, but=request[PRESENTED].hash)
    return done()


async def end_sessions(request: web.Request, person: str, *, but: bytes = b"") -> None:
    """End somebody's sessions, all or all but one, with the change that is the reason."""
    sessions = request.app[SESSIONS]
    ended = await sessions.shut(session(request), person, but=but)
    afterwards(request, partial(sessions.forget, ended))
