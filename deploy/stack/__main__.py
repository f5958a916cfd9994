"""The launcher behind deploy/up and deploy/test."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from deploy.stack.checks import run_checks
from deploy.stack.desktop import SCHEMA, check_desktop, link_to, provide_desktop, typed
from deploy.stack.layout import cache_folder
from deploy.stack.screen import Screen
from deploy.stack.up import Wish, bring_up
from ivr.config import REPOSITORY
from ivr.errors import HotlineError

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def up(
    *,
    once: Annotated[bool, typer.Option(help="End after the first call.")] = False,
    json: Annotated[bool, typer.Option(help="Print the record as one JSON line.")] = False,
    call: Annotated[bool, typer.Option(help="Ring the first call through.")] = True,
    directory: Annotated[
        Path, typer.Option(help="Keep everything here; another folder is another copy.")
    ] = REPOSITORY / "var",
) -> None:
    """Start the whole hotline, ring a first call through, and stay up until Ctrl-C."""
    try:
        code = asyncio.run(bring_up(Wish(once=once, json=json, call=call, directory=directory)))
    except HotlineError as error:
        Screen().say(f"\n✗ {error}")
        code = 1
    raise typer.Exit(code)


@app.command("test")
def run_every_check(
    *,
    soak: Annotated[bool, typer.Option(help="Run the long suites in their long form.")] = False,
) -> None:
    """Run every check: format, lint, types, unit tests, and calls through real servers."""
    raise typer.Exit(run_checks(Screen(), soak=soak))


@app.command("desktop")
def build_the_desktop(
    *,
    cache: Annotated[
        Path | None, typer.Option(help="Build here; the environment's HOTLINE_CACHE otherwise.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Check types, rules and units first.")] = False,
    link: Annotated[
        Path | None, typer.Option(help="A name that stays, made to lead to the build.")
    ] = None,
) -> None:
    """Build the agents' desktop unless its build is there, and print its folder."""
    place = cache or cache_folder(os.environ)
    try:
        if check:
            check_desktop(place)
        built = provide_desktop(place)
        if link is not None:
            link_to(built, link)
        print(built)
    except HotlineError as error:
        Screen().say(f"\n✗ {error}")
        raise typer.Exit(1) from None


@app.command("schema")
def write_the_schema(
    document: Annotated[Path, typer.Argument(help="What /api/v1/openapi.json gives, as a file.")],
) -> None:
    """Write the desktop's types anew, after a change of the API."""
    try:
        SCHEMA.write_text(typed(document, cache_folder(os.environ)), "utf-8")
    except HotlineError as error:
        Screen().say(f"\n✗ {error}")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
