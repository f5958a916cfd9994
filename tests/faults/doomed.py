"""Starts a process of ours that dies, by SIGKILL, where its doom says.

    python -m tests.faults.doomed ledger FOLDER

Each start takes the next doom from `FOLDER/<name>.dooms`, a line of a place and how often it is to
be reached. With none left the process lives, and writes the places that it reaches into
`FOLDER/<name>.places`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from ivr import failpoints
from ivr.__main__ import app
from ivr.asterisk import agi
from ivr.asterisk.actions import Headers, Reply
from ivr.asterisk.agi_protocol import wire
from ivr.asterisk.connection import Connection


def take(dooms: Path) -> tuple[str, int] | None:
    """Take the next doom away, so that the next start gets another one."""
    lines = dooms.read_text("ascii").splitlines() if dooms.exists() else []
    if not lines:
        return None
    dooms.write_text("\n".join(lines[1:]), "ascii")
    place, count = lines[0].split()
    return place, int(count)


def strike(folder: Path, name: str) -> Callable[[str], None]:
    """Give what is to be called with every place that is reached."""
    doom, reached = take(folder / f"{name}.dooms"), Counter[str]()
    places = folder / f"{name}.places"

    def struck(place: str) -> None:
        reached[place] += 1
        if doom is not None and (place, reached[place]) == doom:
            os.kill(os.getpid(), signal.SIGKILL)
        if doom is None and reached[place] == 1:
            with places.open("a", encoding="ascii") as stream:
                stream.write(f"{place}\n")

    return struck


def watch_sends(struck: Callable[[str], None]) -> None:
    """Make a place of each command of FastAGI, and of each action of AMI."""
    send = Connection.send

    def watched(command: str) -> bytes:
        struck("agi.send")
        return wire(command)

    async def sending(connection: Connection, headers: Headers) -> Reply:
        struck("ami.send")
        return await send(connection, headers)

    patch.object(agi, "wire", watched).start()
    patch.object(Connection, "send", sending).start()


def main(name: str, folder: str) -> None:
    """Be `python -m ivr <name>`, with a doom."""
    struck = strike(Path(folder), name)
    failpoints.arm(struck)
    watch_sends(struck)
    app([name])


if __name__ == "__main__":
    main(*sys.argv[1:])
