"""Users: who works here, in which role, and how they come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agents import audit
from agents.auth import Identity
from agents.database import queries
from agents.passwords import Vault, code_step
from agents.roles import ONE_FACTOR, Permission, Role, may
from ivr.database import Pool, Session

OPERATOR: Final = "operator"
"""Who acts at the command line, in the audit."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account as the sign-in needs it."""

    identity: Identity
    active: bool
    password: str | None
    second_factor: str | None
    pending_factor: str | None

    @property
    def needs_factor(self) -> bool:
        """Whether the role asks for a second factor that is not set up yet."""
        return self.identity.role not in ONE_FACTOR and self.second_factor is None


@dataclass(frozen=True, slots=True)
class Listed:
    """A user as an administrator sees him."""

    person: str
    name: str
    role: Role
    active: bool
    has_password: bool
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be changed of a user; None stays as it is."""

    name: str | None = None
    role: Role | None = None
    active: bool | None = None


async def account_of(connection: Session | Pool, person: str) -> Account | None:
    """Return somebody's account; None for nobody."""
    row = await queries.user_of(connection, person=person)
    if row is None:
        return None
    return Account(
        Identity(row["person"], Role(row["role"]), row["name"]),
        row["active"],
        row["password"],
        row["second_factor"],
        row["pending_factor"],
    )


async def everybody(connection: Session) -> list[Listed]:
    """List all users by id."""
    return [
        Listed(**{**dict(row), "role": Role(row["role"])})
        async for row in queries.all_users(connection)
    ]


async def create(connection: Session, actor: str, identity: Identity) -> bool:
    """Make an account without a way in; False when the id is taken."""
    made = await queries.add_user(
        connection,
        person=identity.person,
        name=identity.name or identity.person,
        role=identity.role.value,
        created_by=actor,
    )
    if made is None:
        return False
    await _name_agent(connection, identity, active=True)
    await audit.note(
        connection, actor, "user.created", f"user:{identity.person}", role=identity.role.value
    )
    return True


async def change(connection: Session, actor: str, person: str, wanted: Wanted) -> bool:
    """Change what is wanted; False for nobody. The caller ends the person's sessions."""
    row = await queries.change_user(
        connection,
        person=person,
        name=wanted.name,
        role=wanted.role.value if wanted.role else None,
        active=wanted.active,
    )
    if row is None:
        return False
    await _name_agent(
        connection, Identity(person, Role(row["role"]), row["name"]), active=row["active"]
    )
    await audit.note(
        connection,
        actor,
        "user.changed",
        f"user:{person}",
        role=row["role"],
        active=row["active"],
        renamed=wanted.name is not None,
    )
    return True


async def set_password(connection: Session, vault: Vault, person: str, password: str) -> None:
    """Replace a password; the caller has judged it and ends the person's other sessions."""
    hashed = await vault.hash(password)
    await queries.set_password(connection, person=person, password=hashed)
    await audit.note(connection, person, "password.changed", f"user:{person}")


async def offer_factor(connection: Session | Pool, person: str, secret: str) -> None:
    """Keep a second factor until its first code comes."""
    await queries.offer_factor(connection, person=person, secret=secret)


async def take_factor(connection: Session, person: str, code: str, at: float) -> bool:
    """Put the pending second factor in force if this is its code."""
    account = await account_of(connection, person)
    if account is None or account.pending_factor is None:
        return False
    step = code_step(account.pending_factor, code, at)
    if step is None:
        return False
    await queries.take_factor(connection, person=person, step=step)
    await audit.note(connection, person, "factor.changed", f"user:{person}")
    return True


async def drop_factor(connection: Session, actor: str, person: str) -> bool:
    """Let somebody who lost his second factor set up another; False for nobody."""
    if str(await queries.drop_factor(connection, person=person)).endswith(" 0"):
        return False
    await audit.note(connection, actor, "factor.dropped", f"user:{person}")
    return True


async def spend_code(connection: Session | Pool, account: Account, code: str, at: float) -> bool:
    """Take a code of somebody's second factor, each once."""
    step = code_step(account.second_factor or "", code, at) if account.second_factor else None
    if step is None:
        return False
    status = await queries.spend_code(connection, person=account.identity.person, step=step)
    return str(status).endswith(" 1")


async def _name_agent(connection: Session, identity: Identity, *, active: bool) -> None:
    if may(identity.role, Permission.CALLS_TAKE):
        await queries.name_agent(
            connection, person=identity.person, name=identity.name, active=active
        )
