"""`python -m ivr surge`: the emergency switch, thrown from the command line."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Annotated

import typer

from ivr.console import in_transaction, settings_of_the_command
from ivr.errors import DefinitionInvalid
from ivr.hours import SHANGHAI
from ivr.menu.definitions import Sources, load_definitions
from ivr.menu.prompts import speakable
from ivr.menu.speak import speak_text
from ivr.surge import (
    ANNOUNCEMENT,
    OPENED,
    Order,
    StandingOrder,
    in_force,
    newest,
    order_of,
    ordered,
    spoken_key,
)

app = typer.Typer(no_args_is_help=True, help="The emergency switch: on, off, status.")

_By = Annotated[str, typer.Option("--by", help="Who orders it; yourself by default.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the order.")]


@app.command()
def on(  # noqa: PLR0913 - each is an option of its own
    *,
    reason: _Reason,
    by: _By = "",
    announce: Annotated[str, typer.Option(help="Prompt that is announced.")] = ANNOUNCEMENT,
    text: Annotated[str, typer.Option(help="A sentence to speak instead of a prompt.")] = "",
    text_en: Annotated[str, typer.Option(help="The same in English.")] = "",
    queues: Annotated[str, typer.Option(help="Queues to open, by commas.")] = ",".join(OPENED),
    until: Annotated[
        str, typer.Option(help="When it ends by itself, in Chinese time: 2026-11-23T20:00.")
    ] = "",
) -> None:
    """Put the announcement and the emergency menu in front, and open the emergency queues."""
    order = Order(
        by=by or getpass.getuser(),
        reason=reason,
        announcement=announce,
        text_zh=text or None,
        text_en=text_en or None,
        queues=tuple(filter(None, queues.split(","))),
        ends_at=_moment(until),
    )
    _prove(order)
    number = in_transaction("surge", lambda connection: ordered(connection, order))
    typer.echo(f"order {number}: on; bridges follow within seconds")


@app.command()
def off(*, reason: _Reason, by: _By = "") -> None:
    """Take announcement and emergency menu away again."""
    order = Order(by=by or getpass.getuser(), reason=reason, is_on=False)
    number = in_transaction("surge", lambda connection: ordered(connection, order))
    typer.echo(f"order {number}: off; bridges follow within seconds")


@app.command()
def status() -> None:
    """Say whether the switch is on, who threw it last, when and why; exit 1 when it is off."""
    row = in_transaction("surge", newest)
    rules = in_force(order_of(row), datetime.now(SHANGHAI)) if row else None
    if row is None:
        typer.echo("off; never thrown")
    else:
        at = row["ordered_at"].astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        typer.echo(_described(rules) if rules else "off")
        typer.echo(f"order {row['order_id']} by {row['ordered_by']} at {at}: {row['reason']}")
    raise typer.Exit(0 if rules else 1)


def _described(order: StandingOrder) -> str:
    until = order.ends_at.astimezone(SHANGHAI) if order.ends_at else None
    ends = f", until {until:%Y-%m-%d %H:%M}" if until else ""
    return f"on{ends}, announces {order.announcement}, opens {','.join(sorted(order.queues))}"


def _moment(until: str) -> datetime | None:
    if not until:
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        sentence = f"until: expected a time such as 2026-11-23T20:00; came {until!r}."
        raise DefinitionInvalid(sentence) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    if moment <= datetime.now(SHANGHAI):
        raise DefinitionInvalid(f"until: expected a time to come; came {until!r}.")
    return moment


def _prove(order: Order) -> None:
    """Refuse what callers could not hear or reach, and make the sound before the order stands."""
    settings = settings_of_the_command()
    definitions = load_definitions(Sources.of(settings.definitions))
    if order.announcement not in definitions.prompts.prompts:
        sentence = f"announce: expected a key of prompts.toml; came {order.announcement!r}."
        raise DefinitionInvalid(sentence)
    if unknown := set(order.queues) - set(definitions.hours.queues):
        raise DefinitionInvalid(f"queues: expected queues of hours.toml; came {min(unknown)!r}.")
    if order.text_zh:
        zh, en = order.text_zh, order.text_en or order.text_zh
        for sentence in (zh, en):
            _prove_sentence(sentence)
        words = definitions.prompts.pronunciations
        speak_text(spoken_key(zh, en), {"zh": zh, "en": en}, settings.definitions.sounds, words)


def _prove_sentence(sentence: str) -> None:
    try:
        speakable(sentence)
    except ValueError as error:
        raise DefinitionInvalid(f"text: {error}.") from None
    if "{" in sentence:
        raise DefinitionInvalid("text: expected a sentence without values in braces.")
