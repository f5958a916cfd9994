"""`python -m ivr recordings …`: retention, legal holds, keys, and moving to the object store."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from ivr.config import Settings
from ivr.console import ask, in_transaction, settings_of_the_command
from ivr.database import make_pool
from ivr.recordings.deletion import Deletion, Due
from ivr.recordings.holds import release_hold, set_hold
from ivr.recordings.keeping import delete_due
from ivr.recordings.keys import KeyFile
from ivr.recordings.moving import Moving
from ivr.recordings.renewal import Renewal
from ivr.recordings.storages import open_storages

app = typer.Typer(no_args_is_help=True, help="What is kept of recordings, and how long.")

_Call = Annotated[str, typer.Argument(help="The call's linked id.")]
_Reason = Annotated[str, typer.Option(help="Why; it stands in the audit.")]
_By = Annotated[str, typer.Option("--by", help="Who does it; yourself by default.")]
_PURPOSE = "recordings"


@app.command()
def retention(
    *, delete: Annotated[bool, typer.Option(help="Delete it, with certificates.")] = False
) -> None:
    """List what is due to be deleted by now; a dry run unless told otherwise."""
    if delete:
        typer.echo(f"{ask(_delete)} deleted")
        return
    found = ask(_list)
    for due in found:
        verdict = due.verdict
        typer.echo(
            f"{due.call_id}/{due.leg}  {verdict.rule} {verdict.span}, last day "
            f"{verdict.last_day}, {due.size} bytes"
        )
    typer.echo(f"{len(found)} due, {sum(due.size for due in found)} bytes; nothing was deleted")


async def _list(settings: Settings) -> list[Due]:
    async with make_pool(settings.database, purpose=_PURPOSE) as pool:
        return [due async for due in Deletion(pool, settings).due(datetime.now(UTC))]


async def _delete(settings: Settings) -> int:
    async with (
        make_pool(settings.database, purpose=_PURPOSE) as pool,
        open_storages(settings.recordings) as storages,
    ):
        deletion = Deletion(pool, settings)
        done = await delete_due(deletion, settings, datetime.now(UTC))
        await deletion.remove(storages)
        while deletion.unfinished:
            await deletion.remove(storages)
        return done


@app.command()
def hold(call_id: _Call, *, reason: _Reason, by: _By = "") -> None:
    """Put a legal hold on a call: nothing recorded of it is deleted."""
    person = by or getpass.getuser()
    done = in_transaction(
        _PURPOSE, lambda connection: set_hold(connection, call_id, reason=reason, person=person)
    )
    typer.echo("held" if done else "held already")


@app.command()
def release(call_id: _Call, *, reason: _Reason, by: _By = "") -> None:
    """Take the legal hold off a call."""
    person = by or getpass.getuser()
    done = in_transaction(
        _PURPOSE, lambda connection: release_hold(connection, call_id, reason=reason, person=person)
    )
    typer.echo("released" if done else "was not held")


@app.command("rotate-key")
def rotate_key() -> None:
    """Seal new recordings with a new key from now on; copy the key file afterwards."""
    settings = settings_of_the_command()
    typer.echo(f"{KeyFile(settings.recordings.keys).rotate()} seals from now on")


@app.command()
def reseal() -> None:
    """Seal older recordings with the newest key, too; exit 1 when some could not be."""

    async def renewed(settings: Settings) -> tuple[int, int]:
        async with (
            make_pool(settings.database, purpose=_PURPOSE) as pool,
            open_storages(settings.recordings) as storages,
        ):
            return await Renewal(pool, settings, storages).run()

    done, failed = ask(renewed)
    typer.echo(f"{done} sealed anew, {failed} could not be")
    if failed:
        raise typer.Exit(1)


@app.command()
def move() -> None:
    """Move everything into the object store now, exit 1 when some could not be; repeatable."""
    if not settings_of_the_command().recordings.s3.endpoint:
        raise typer.BadParameter("expected recordings.s3.endpoint in the settings")

    async def moved(settings: Settings) -> tuple[int, int]:
        async with (
            make_pool(settings.database, purpose=_PURPOSE) as pool,
            open_storages(settings.recordings) as storages,
        ):
            moving = Moving(pool, settings)
            done = await moving.step(storages)
            while moving.unfinished:
                done += await moving.step(storages)
            ill = moving.ill
            await moving.tidy(storages)
        return done, ill

    done, failed = ask(moved)
    typer.echo(f"{done} moved, {failed} could not be")
    if failed:
        raise typer.Exit(1)
