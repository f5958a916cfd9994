"""The command line: `python -m ivr <command>`."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress

from ivr import commands_callers, commands_classifier, commands_surge
from ivr.config import Settings
from ivr.console import ask, settings_of_the_command
from ivr.errors import DefinitionInvalid, HotlineError
from ivr.recordings import commands as recordings
from ivr.supervision import Supervisor

if TYPE_CHECKING:
    from ivr.menu.definitions import Definitions
    from ivr.menu.model import Menu

_CENTRE_TIME = ZoneInfo("Asia/Shanghai")
_WRONG_INPUT = 2
"""Exit code for something that the operator can mend: settings, definitions, arguments."""

_SHOWN = 5
"""Of a long list."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The call side of the 12320 hotline: menus, live view, ledger, recordings.",
)
app.add_typer(commands_callers.app, name="callers")
app.add_typer(commands_classifier.app, name="classifier")
app.add_typer(commands_surge.app, name="surge")
app.add_typer(recordings.app, name="recordings")
screen = Console(stderr=True)


def _definitions(settings: Settings) -> Definitions:
    from ivr.menu.definitions import Sources, load_definitions

    return load_definitions(Sources.of(settings.definitions))


@app.command()
def serve() -> None:
    """Run the bridge: AMI link, menus over FastAGI, live view, heartbeat."""
    from ivr import service
    from ivr.supervision import run_until_stopped

    settings = settings_of_the_command()
    run_until_stopped(lambda: service.serve(settings, Supervisor(os.environ)))


@app.command()
def ledger() -> None:
    """Run the ledger: journal to records, recordings to their calls."""
    from ivr import ledger as process
    from ivr.supervision import run_until_stopped

    settings = settings_of_the_command()
    run_until_stopped(lambda: process.run(settings, Supervisor(os.environ)))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date; safe to repeat and to run twice at once."""
    from ivr.migrations import migrate as upgrade

    done = ask(lambda settings: upgrade(settings.database.url))
    for number in done:
        typer.echo(f"{number} done")
    if not done:
        typer.echo("up to date")


@app.command()
def speak(
    *,
    voice: Annotated[str, typer.Option(help="The synthetic voice.")] = "espeak",
    listed: Annotated[
        bool, typer.Option("--list", help="Only list what no human has recorded yet.")
    ] = False,
) -> None:
    """Make the audio of every prompt that is missing or changed; recordings by people win."""
    from ivr.menu.music import compose_music
    from ivr.menu.speak import speak_all, still_synthetic

    settings = settings_of_the_command()
    prompts, where = _definitions(settings).prompts, settings.definitions
    if listed:
        typer.echo("\n".join(still_synthetic(prompts, where.sounds)))
        return
    with Progress(console=screen, disable=not screen.is_terminal) as progress:
        bar = progress.add_task("prompts")
        spoken = speak_all(
            prompts,
            where.sounds,
            recorded=where.recorded,
            voice=voice,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    compose_music(where.sounds)
    typer.echo(f"{spoken.made} made, {spoken.kept} kept")
    if spoken.synthetic:
        typer.echo(f"{len(spoken.synthetic)} still synthetic; --list names them")


@app.command()
def check(
    *,
    voice: Annotated[str, typer.Option(help="The synthetic voice in use.")] = "espeak",
    audio: Annotated[bool, typer.Option(help="Also that all audio is of today's texts.")] = True,
) -> None:
    """Prove the menus, hours and prompts before the first call; exit 1 when one is at fault."""
    from ivr.menu import check as proofs
    from ivr.menu.speak import out_of_step
    from ivr.transfer_targets import load_targets

    settings = settings_of_the_command()
    definitions, where = _definitions(settings), settings.definitions
    load_targets(where.transfers)
    today = datetime.now(_CENTRE_TIME).date()
    findings = [
        *proofs.check(definitions),
        *proofs.check_calendar(definitions.hours, today),
    ]
    for finding in findings:
        typer.echo(str(finding))
    stale = out_of_step(definitions.prompts, where.sounds, recorded=where.recorded, voice=voice)
    if audio and stale:
        first = ", ".join(stale[:_SHOWN])
        typer.echo(
            f"fault: audio of {len(stale)} prompts is missing or old; speak makes it: {first}"
        )
    faulty = any(finding.weight is proofs.Weight.FAULT for finding in findings)
    if faulty or (audio and stale):
        raise typer.Exit(1)
    typer.echo("no faults")


@app.command()
def staff(
    queue: Annotated[str, typer.Argument(help="The queue's name.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="Whole days to look back.")] = 28,
    target: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="Share answered in time.")
    ] = 0.8,
    within: Annotated[float, typer.Option(help="In time: seconds.")] = 15.0,
    wrap_up: Annotated[float, typer.Option(help="Work after each call, seconds.")] = 30.0,
    shrinkage: Annotated[float, typer.Option(min=0, max=0.9, help="Share of people away.")] = 0.3,
) -> None:
    """Print the agents needed in each half-hour, by Erlang C from the stored traffic."""
    from ivr.database import make_pool, transaction
    from ivr.staffing import agents_needed, seats
    from ivr.traffic import HalfHour, load_traffic

    today = datetime.now(_CENTRE_TIME).date()

    async def traffic(settings: Settings) -> list[HalfHour]:
        async with (
            make_pool(settings.database, purpose="staff") as pool,
            transaction(pool, settings.database) as connection,
        ):
            return await load_traffic(connection, queue, days=days, today=today)

    half_hours = ask(traffic)
    if not half_hours:
        typer.echo(f"no calls in queue {queue!r} in the last {days} days", err=True)
        raise typer.Exit(1)
    typer.echo("begins  calls  talk s  agents  level %  wait s  seats")
    for half_hour in half_hours:
        need = agents_needed(half_hour.load(wrap_up), within, target)
        typer.echo(
            f"{half_hour.begins:>6} {half_hour.calls_a_day:6.1f} {half_hour.talk_seconds:7.0f}"
            f" {need.agents:7} {100 * need.service_level:8.1f} {need.speed_seconds:7.1f}"
            f" {seats(need.agents, shrinkage):6}"
        )


@app.command()
def play(
    name: Annotated[str, typer.Argument(help="The menu's name, such as main.")],
    *,
    closed: Annotated[bool, typer.Option(help="As outside the hours.")] = False,
    surge: Annotated[bool, typer.Option(help="As with the emergency switch on.")] = False,
    elderly: Annotated[bool, typer.Option(help="As for an elderly caller.")] = False,
) -> None:
    """Walk through a menu in the terminal, with the engine that answers real calls."""
    from ivr.menu.play import play as walk
    from ivr.menu.turn import Closed, Situation

    definitions = _definitions(settings_of_the_command())
    situation = Situation(
        closed=Closed(opens=8 * 60, closes=18 * 60) if closed else None,
        surge=surge,
        elderly=elderly,
    )
    walk(
        _menu(definitions, name),
        definitions.prompts,
        situation,
        hear=lambda: input("> "),
        say=typer.echo,
    )


@app.command()
def draw(
    name: Annotated[str, typer.Argument(help="The menu's name, such as main.")],
    *,
    svg: Annotated[bool, typer.Option(help="SVG instead of Mermaid.")] = False,
) -> None:
    """Write a menu as a picture to standard output."""
    from ivr.menu.draw import draw_mermaid, draw_svg

    definitions = _definitions(settings_of_the_command())
    picture = draw_svg if svg else draw_mermaid
    typer.echo(picture(_menu(definitions, name), definitions.prompts))


def _menu(definitions: Definitions, name: str) -> Menu:
    for menu in definitions.menus:
        if menu.name == name:
            return menu
    names = ", ".join(menu.name for menu in definitions.menus)
    raise DefinitionInvalid(f"menu {name!r}: expected one of {names}.")


@app.command()
def verify(
    *,
    since: Annotated[
        datetime | None, typer.Option(help="Only calls from then on; a week unless told.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All there ever were.")] = False,
) -> None:
    """Check the ledger's identities on the live system; exit 1 when one does not hold."""
    from ivr import verify as identities

    told = since.replace(tzinfo=_CENTRE_TIME) if since else None
    begin = identities.begin(told, everything=everything, now=datetime.now(_CENTRE_TIME))
    findings = ask(lambda settings: identities.verify(settings, since=begin))
    typer.echo(identities.report(findings))
    if not all(finding.holds for finding in findings):
        raise typer.Exit(1)


@app.command()
def refold(
    *,
    since: Annotated[datetime | None, typer.Option(help="Only calls from then on.")] = None,
    mend: Annotated[bool, typer.Option(help="Put differing records in place anew.")] = False,
) -> None:
    """Fold history again and hold every record against it; exit 1 when one differs."""
    from ivr import refold as history

    begin = since.replace(tzinfo=_CENTRE_TIME) if since else history.EVER
    with Progress(console=screen, disable=not screen.is_terminal) as progress:
        bar = progress.add_task("calls", total=None)
        found = ask(
            lambda settings: history.refold(
                settings,
                since=begin,
                mend=mend,
                progress=lambda done: progress.update(bar, completed=done),
            )
        )
    typer.echo(f"{found.calls} calls folded again, {len(found.unlike)} records differ")
    for call_id in found.unlike[:20]:
        typer.echo(call_id)
    if found.unlike and not mend:
        raise typer.Exit(1)


_Model = Annotated[
    Path | None, typer.Option(help="Folder of a learnt model; without it, the shipped corpus.")
]


@app.command()
def classify(*, model: _Model = None) -> None:
    """Classify rows from standard input: a JSON line in, a JSON line out, in order."""
    from ivr.categories.commands import classify_lines, open_classifier

    settings_of_the_command()
    for line in classify_lines(sys.stdin, open_classifier(model)):
        typer.echo(line)


@app.command()
def learn(
    *,
    rows: Annotated[Path, typer.Option("--from", help="Confirmed rows.", exists=True)],
    model: Annotated[Path, typer.Option(help="Folder that keeps the models.")],
) -> None:
    """Learn from confirmed rows; a model that is worse on the held share is refused, exit 1."""
    from ivr.categories.commands import learn_file

    settings_of_the_command()
    learnt = learn_file(rows, model)
    typer.echo(learnt.as_text())
    if not learnt.taken:
        raise typer.Exit(1)


@app.command()
def evaluate(
    rows: Annotated[Path, typer.Argument(help="Rows with codes, one object a line.", exists=True)],
    *,
    model: _Model = None,
    text_alone: Annotated[bool, typer.Option(help="Ignore all but the text.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Judge the classifier by rows with codes: accuracy, calibration, coverage, confusions."""
    from ivr.categories import evaluation
    from ivr.categories.commands import evaluate_file, open_classifier

    settings_of_the_command()
    found = evaluate_file(rows, open_classifier(model), text_alone=text_alone)
    if as_json:
        typer.echo(json.dumps(evaluation.as_json(found), ensure_ascii=False))
    else:
        typer.echo(evaluation.as_text(found))


@app.command()
def record(
    call_id: Annotated[str, typer.Argument(help="The call's linked id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Print the record of one call; exit 1 when there is none."""
    from ivr.database import make_pool, transaction
    from ivr.records import CallRecord, load_record

    async def find(settings: Settings) -> CallRecord | None:
        async with (
            make_pool(settings.database, purpose="record") as pool,
            transaction(pool, settings.database) as connection,
        ):
            return await load_record(connection, call_id)

    found = ask(find)
    if found is None:
        typer.echo(f"no record of {call_id!r} yet", err=True)
        raise typer.Exit(1)
    indent = None if as_json else 2
    typer.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=indent))


def main() -> None:
    """Run a command; say what the operator can mend in one sentence instead of a traceback."""
    try:
        app()
    except HotlineError as error:
        typer.echo(str(error), err=True)
        sys.exit(_WRONG_INPUT)


if __name__ == "__main__":
    main()
