"""Keys of reporting units on the command line: made by the unit, trusted by the centre.

The private half never leaves the unit. From the day a unit's public half is trusted, its months
count only with its signature over their canonical document.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents import audit
from agents.database import queries
from agents.reports.commands import By, in_transaction
from ivr.errors import DefinitionInvalid

if TYPE_CHECKING:
    from agents.statistics.submissions import Submission
    from ivr.database import Session

_KEY_BYTES: Final = 32

PrivateKey = Annotated[Path, typer.Argument(help="File of the unit's private key.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (make_unit_key, trust_unit_key, sign):
        app.command(command.__name__.replace("_", "-"))(command)


def make_unit_key(file: PrivateKey) -> None:
    """Make a unit's key; keep the file secret, and give the printed half to the centre."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise DefinitionInvalid(f"{file}: expected no file; a key is never written over.") from None
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(base64.b64encode(key.private_bytes_raw()).decode() + "\n")
    typer.echo(base64.b64encode(key.public_key().public_bytes_raw()).decode())


def trust_unit_key(
    unit: Annotated[str, typer.Argument(help="Id of the unit, such as jiangsu.")],
    public: Annotated[str, typer.Argument(help="What make-unit-key printed.")],
    *,
    by: By,
) -> None:
    """Let a unit's months count only with its signature, from now on."""
    key = _decoded(public, "the unit's public key")

    async def trusted(session: Session) -> None:
        if not await queries.set_unit_key(session, unit=unit, public_key=key):
            raise DefinitionInvalid(f"Expected a loaded unit, came {unit!r}.")
        await audit.note(session, by, "unit.key_trusted", f"unit:{unit}", key=public.strip())

    in_transaction(trusted)
    typer.echo(f"{unit} must sign from now on")


def sign(
    file: Annotated[Path, typer.Argument(help="JSON, CSV or the filled-in XLSX form.")],
    *,
    key: Annotated[Path, typer.Option(help="The unit's private key.")],
    out: Annotated[Path, typer.Option(help="Where to write the signature.")],
) -> None:
    """Sign a unit's month; hand in the file together with the signature."""
    from agents.statistics import submissions
    from agents.statistics.submission_files import read_submission

    private = _decoded(key.read_text(encoding="ascii"), f"{key}: a private key")

    async def submission(session: Session) -> Submission:
        known = {row["unit_id"] async for row in queries.unit_ids(session)}
        return read_submission(file.name, file.read_bytes(), known)

    signature = submissions.sign(in_transaction(submission), private)
    out.write_text(base64.b64encode(signature).decode() + "\n", encoding="ascii")
    typer.echo(str(out))


def _decoded(text: str, what: str) -> bytes:
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        found = b""
    if len(found) != _KEY_BYTES:
        raise DefinitionInvalid(f"Expected {what}, {_KEY_BYTES} bytes in base64.")
    return found
