"""The command line: `python -m agents <command>`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import Annotated, Final

import typer
from redis.exceptions import RedisError

from agents.auth import LINK_SECONDS, Identity
from agents.reports import bulletin_commands, commands, signing, sms_commands
from agents.roles import Role
from ivr.config import Settings, load_settings
from ivr.errors import HotlineError
from ivr.log import configure_logging
from ivr.supervision import Supervisor, run_until_stopped

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The people's side of the 12320 hotline: the desk in the browser.",
)

_PERSON: Final = re.compile(r"[a-z0-9]{1,16}")

# The web server takes two seconds to load, and most commands are the statistics': so those that
# need it load it themselves.
commands.register(app)
bulletin_commands.register(app)
signing.register(app)
sms_commands.register(app)


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(level=settings.log_level)
    return settings


@app.command()
def serve() -> None:
    """Run the web server."""
    from agents import service  # noqa: PLC0415 - see above

    settings = _settings()
    run_until_stopped(lambda: service.serve(settings, Supervisor(os.environ)))


@app.command()
def link(
    *,
    role: Annotated[
        Role | None, typer.Option(help="Of a new user; an administrator by default.")
    ] = None,
    person: Annotated[str, typer.Option(help="Staff id, lower-case letters and digits.")] = "admin",
) -> None:
    """Print a link that lets one person into the desk once, within a quarter of an hour."""
    from agents import service  # noqa: PLC0415 - see above

    settings = _settings()
    _check(person)
    try:
        address = asyncio.run(service.make_link(settings, person, role))
    except (OSError, RedisError) as error:
        typer.echo(f"Redis does not answer ({type(error).__name__}); no link was made.", err=True)
        raise typer.Exit(1) from None
    typer.echo(address)
    typer.echo(f"valid once, for {LINK_SECONDS // 60} minutes · {person}", err=True)


@app.command()
def account(
    person: Annotated[str, typer.Argument(help="Staff id, lower-case letters and digits.")],
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.AGENT,
    name: Annotated[str, typer.Option(help="As colleagues know him.")] = "",
) -> None:
    """Make a user and print his password, once; exit 1 when there is one of that id."""
    from agents import service  # noqa: PLC0415 - see above

    settings = _settings()
    _check(person)
    try:
        password = asyncio.run(service.make_account(settings, Identity(person, role, name)))
    except OSError as error:
        typer.echo(f"PostgreSQL does not answer ({type(error).__name__}).", err=True)
        raise typer.Exit(1) from None
    if password is None:
        typer.echo(f"{person} is a user already; nothing was changed.", err=True)
        raise typer.Exit(1)
    typer.echo(password)


def _check(person: str) -> None:
    if not _PERSON.fullmatch(person):
        raise typer.BadParameter("expected 1 to 16 lower-case letters and digits")


def main() -> None:
    """Run a command; say what the operator can mend in one sentence instead of a traceback."""
    try:
        app()
    except HotlineError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
