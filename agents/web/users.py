"""Users, for those who may make them."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit, users
from agents.auth import LINK_SECONDS, Identity
from agents.roles import GRANTS, NAMES, Role
from agents.web.api import answer, change, done, endpoint, reading, session, told_once, who
from agents.web.doors import ADDRESS, SESSIONS
from agents.web.enter import link_of
from agents.web.problems import Refused
from agents.web.session import end_sessions

Person = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(BaseModel):
    """Somebody who works here."""

    person: str
    name: str
    role: Role
    role_name: str
    active: bool
    has_password: bool
    has_second_factor: bool


class Users(BaseModel):
    """Everybody."""

    users: list[User]


class NewUser(_Body):
    """A user to be; he comes in by a link, and chooses his password himself."""

    person: Person = Field(description="Staff id; an agent's is also that of his telephone")
    name: Name
    role: Role


class UserChange(_Body):
    """What is to be changed of a user; the rest stays."""

    name: Name | None = None
    role: Role | None = None
    active: bool | None = None


class Link(BaseModel):
    """A way in that can be used once."""

    link: str
    valid_seconds: int


class RoleGrants(BaseModel):
    """A role and what it may."""

    role: Role
    name: str
    permissions: list[str]


class Roles(BaseModel):
    """All roles."""

    roles: list[RoleGrants]


@endpoint
async def show_all(request: web.Request) -> r200[Users]:
    """List all users."""
    async with reading(request) as connection:
        listed = await users.everybody(connection)
    return answer(
        Users(
            users=[
                User(
                    person=one.person,
                    name=one.name,
                    role=one.role,
                    role_name=NAMES[one.role],
                    active=one.active,
                    has_password=one.has_password,
                    has_second_factor=one.has_second_factor,
                )
                for one in listed
            ]
        )
    )


@endpoint
async def show_roles(request: web.Request) -> r200[Roles]:  # noqa: ARG001 - the form of a handler
    """List all roles and what each may."""
    return answer(
        Roles(
            roles=[
                RoleGrants(role=role, name=NAMES[role], permissions=sorted(GRANTS[role]))
                for role in Role
            ]
        )
    )


@change
async def create(request: web.Request, body: NewUser) -> r204:
    """Make a user; make him a link to let him in."""
    identity = Identity(body.person, body.role, body.name)
    if not await users.create(session(request), who(request).person, identity):
        raise Refused(409, "person_taken", "此工号已存在。")
    return done()


@change
async def change_user(request: web.Request, person: Person, /, body: UserChange) -> r204:
    """Change a user; a new role, or being shut out, ends his sessions."""
    actor = who(request).person
    if person == actor and (body.role is not None or body.active is not None):
        raise Refused(409, "own_account", "不能更改自己的角色或停用自己。")
    wanted = users.Wanted(body.name, body.role, body.active)
    found = await users.change(session(request), actor, person, wanted)
    if not found:
        raise Refused(404)
    if body.role is not None or body.active is not None:
        await end_sessions(request, person)
    return done()


@change
async def drop_factor(request: web.Request, person: Person, /) -> r204:
    """Let somebody who lost his second factor set up another; ends his sessions."""
    if not await users.drop_factor(session(request), who(request).person, person):
        raise Refused(404)
    await end_sessions(request, person)
    return done()


@change
async def make_link(request: web.Request, person: Person, /) -> r201[Link]:
    """Make a one-time link with which a user sets up password and second factor."""
    account = await users.account_of(session(request), person)
    if account is None or not account.active:
        raise Refused(404)
    one = account.identity
    limited = Identity(one.person, one.role, one.name, limited=True)
    secret = await request.app[SESSIONS].make_link(limited)
    await audit.note(session(request), who(request).person, "link.made", f"user:{person}")
    link = link_of(request.app[ADDRESS] or f"http://{request.host}", secret)
    return told_once(Link(link=link, valid_seconds=LINK_SECONDS), status=201)
