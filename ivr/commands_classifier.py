"""`python -m ivr classifier`: the model in use, learning from people's labels, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.config import Settings
from ivr.console import ask, settings_of_the_command
from ivr.database import make_pool

if TYPE_CHECKING:
    from ivr.categories.labels import Opinion
    from ivr.categories.learn import Learnt

app = typer.Typer(no_args_is_help=True, help="The classifier's model: learn, report, roll back.")

_Folder = Annotated[
    Path | None, typer.Option("--model", help="Folder of the models; the setting's by default.")
]


@app.command()
def learn(*, model: _Folder = None) -> None:
    """Learn from all labels in the database; a worse model is refused, exit 1."""
    from ivr.categories.labels import learn_from_labels

    async def learnt(settings: Settings) -> Learnt:
        async with make_pool(settings.database, purpose="learning") as pool:
            return await learn_from_labels(pool, settings.database, model or settings.web.model)

    outcome = ask(learnt)
    typer.echo(outcome.as_text())
    if not outcome.taken:
        raise typer.Exit(1)


@app.command()
def status(*, model: _Folder = None) -> None:
    """Name the model in use and those that can be returned to."""
    from ivr.categories.versions import current, history

    folder = model or settings_of_the_command().web.model
    used = current(folder)
    if used is None:
        typer.echo(f"{folder}: nothing learnt yet; the shipped corpus's model suggests")
        return
    for version in history(folder):
        typer.echo(f"{'*' if version == used else ' '} {version}")


@app.command("roll-back")
def back(*, model: _Folder = None) -> None:
    """Return to the model before the one in use; desks follow within a minute."""
    from ivr.categories.versions import current, roll_back

    folder = model or settings_of_the_command().web.model
    left = current(folder)
    typer.echo(f"{left} → {roll_back(folder)}")


@app.command()
def labels(
    *, days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 30
) -> None:
    """Report what people's labels say: precision by category, disagreement, drift."""
    from ivr.categories.labels import opinion

    until = datetime.now(UTC)

    async def found(settings: Settings) -> Opinion:
        async with make_pool(settings.database, purpose="labels") as pool:
            return await opinion(pool, settings.database, until - timedelta(days=days), until)

    typer.echo(_as_text(ask(found)))


def _as_text(said: Opinion) -> str:
    if not said.labels:
        return "no labels in this time"
    drifted = "—" if said.drift is None else f"{said.drift:.2f}"
    lines = [f"{said.labels} labels; drift against the time before: {drifted}", "", "precision"]
    lines += [
        f"  {p.share:5.2f}  {p.confirmed}/{p.guessed}  {_name(p.code)}" for p in said.precision
    ]
    if said.disagreement:
        lines += ["", "disagreement"]
        lines += [f"  {share:5.2f}  {_name(code)}" for code, share in said.disagreement.items()]
    return "\n".join(lines)


def _name(code: str) -> str:
    from ivr.categories.taxonomy import path

    return f"{code} {' › '.join(path(code))}"
