"""`python -m ivr callers`: flags of callers, and harassing ones, from the command line."""

from __future__ import annotations

import getpass
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from ivr import harassment
from ivr.callers import national_number
from ivr.console import in_transaction
from ivr.database import Session, queries
from ivr.errors import ValueRefused
from ivr.hours import SHANGHAI
from ivr.log import mask_number
from ivr.screening import Level

app = typer.Typer(
    no_args_is_help=True,
    help="How callers are answered: elderly ones, and 骚扰来电 (marked by one, judged by another).",
)

_By = Annotated[str, typer.Option("--by", help="Who does it; yourself by default.")]
_Number = Annotated[str, typer.Argument(help="The caller's telephone number.")]
_Mark = Annotated[int, typer.Argument(help="Number of the mark; `list` shows the open ones.")]


@app.command()
def elderly(
    number: _Number,
    *,
    by: _By = "",
    born: Annotated[str, typer.Option(help="Date of birth instead of the flag.")] = "",
    no: Annotated[bool, typer.Option("--no", help="Take the flag away.")] = False,
) -> None:
    """Flag a caller as elderly, or register a date of birth: straight to a person, slower."""
    kept = national_number(number)
    if not kept:
        raise ValueRefused("number: expected a telephone number.")
    birthday = _date(born)
    flag = None if birthday else not no

    async def note(connection: Session) -> None:
        await queries.note_caller(
            connection, number=kept, elderly=flag, born=birthday, noted_by=by or getpass.getuser()
        )

    in_transaction("callers", note)
    typer.echo("noted; in force within half a minute")


@app.command()
def mark(
    number: _Number,
    *,
    reason: Annotated[str, typer.Option(help="What was said or done.")],
    by: _By = "",
    call: Annotated[str, typer.Option(help="Id of the call.")] = "",
) -> None:
    """Mark a call as harassing; nothing follows until somebody else confirms it."""
    who = by or getpass.getuser()
    made = in_transaction(
        "callers",
        lambda connection: harassment.mark(
            connection, number, by=who, reason=reason, call_id=call or None
        ),
    )
    typer.echo(f"mark {made}; waits for a second person")


@app.command()
def confirm(mark: _Mark, *, by: _By = "") -> None:
    """Confirm somebody else's mark; say what follows and until when."""
    who = by or getpass.getuser()
    block = in_transaction(
        "callers", lambda connection: harassment.confirm(connection, mark, by=who)
    )
    typer.echo(
        f"level {int(block.level)} ({block.level.name.lower()}) until {_time(block.expires_at)}"
    )


@app.command()
def dismiss(mark: _Mark, *, by: _By = "") -> None:
    """Dismiss somebody else's mark."""
    who = by or getpass.getuser()
    in_transaction("callers", lambda connection: harassment.dismiss(connection, mark, by=who))
    typer.echo("dismissed")


@app.command()
def lift(number: _Number, *, by: _By = "") -> None:
    """Take back every block of a number; exit 1 when there was none."""
    who = by or getpass.getuser()
    count = in_transaction(
        "callers", lambda connection: harassment.lift(connection, number, by=who)
    )
    typer.echo(f"{count} lifted; in force within half a minute")
    if not count:
        raise typer.Exit(1)


@app.command("list")
def show(
    *, whole: Annotated[bool, typer.Option("--whole", help="Numbers unmasked.")] = False
) -> None:
    """List the marks that wait for a second person, and the blocks in force."""

    def shown(number: str) -> str:
        return number if whole else mask_number(number)

    async def read(connection: Session) -> list[str]:
        marks = queries.open_marks(connection, most=100)
        blocks = queries.blocks_in_force(connection, now=datetime.now(UTC))
        lines = [
            f"mark {row['mark_id']}  {shown(row['number'])}  {_time(row['marked_at'])}"
            f"  by {row['marked_by']}: {row['reason']}"
            async for row in marks
        ]
        return lines + [
            f"{_level(row['level'])}  {shown(row['number'])}  until {_time(row['expires_at'])}"
            f"  marked by {row['marked_by']}, approved by {row['approved_by']}: {row['reason']}"
            async for row in blocks
        ]

    typer.echo("\n".join(in_transaction("callers", read)) or "none")


def _level(level: int) -> str:
    return f"level {level:d} ({Level(level).name.lower()})"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueRefused(f"born: expected a date such as 1950-01-31; came {text!r}.") from None
