"""An issue in every format, and one folder with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from agents.reports.document import Bulletin
from agents.reports.render.archive import to_json
from agents.reports.render.paper import to_pdf
from agents.reports.render.spreadsheet import to_xlsx
from agents.reports.render.web_page import to_html
from agents.reports.render.word import to_docx
from ivr.errors import DefinitionInvalid

WRITERS: Final[Mapping[str, Callable[[Bulletin], bytes]]] = {
    "json": lambda bulletin: to_json(bulletin).encode(),
    "html": lambda bulletin: to_html(bulletin).encode(),
    "xlsx": to_xlsx,
    "docx": to_docx,
    "pdf": to_pdf,
}


Progress: TypeAlias = Callable[[str, int, int], None]
"""Told of a format before it is made, the how-manieth it is, and of how many."""


def _tell_nobody(_form: str, _position: int, _forms: int) -> None:
    """Go on in silence."""


def chosen(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats that were asked for, or all.

    Raises:
        DefinitionInvalid: naming a format that is not known.
    """
    if unknown := [name for name in formats if name not in WRITERS]:
        raise DefinitionInvalid(f"No format {unknown[0]!r}; expected {', '.join(WRITERS)}.")
    return formats or tuple(WRITERS)


def render_files(
    bulletin: Bulletin, formats: tuple[str, ...] = (), told: Progress = _tell_nobody
) -> dict[str, bytes]:
    """Make an issue in each format.

    Args:
        bulletin: what is made.
        formats: keys of `WRITERS`; empty means all.
        told: is called before each one.

    Raises:
        DefinitionInvalid: naming a format that is not known, before anything is made.
    """
    names = chosen(formats)
    made = {}
    for position, name in enumerate(names, start=1):
        told(name, position, len(names))
        made[name] = WRITERS[name](bulletin)
    return made


@contextmanager
def put_aside(files: Mapping[str, bytes], folder: Path) -> Iterator[list[Path]]:
    """Write an issue into a folder, to be seen there as `bulletin.<format>` after the block.

    Within the block the files are whole, but not yet in their places; if it raises, the folder
    stays as it was. So whatever the block keeps is kept before anybody sees a file that says so.

    Args:
        files: by format, as `render_files` makes them.
        folder: made when it is missing; existing files are replaced whole.

    Yields:
        Where the files will be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = {name: folder / f".bulletin.{name}" for name in files}
    places = {name: folder / f"bulletin.{name}" for name in files}
    try:
        for name, content in files.items():
            beside[name].write_bytes(content)
        yield list(places.values())
        for name, path in beside.items():
            path.replace(places[name])
    finally:
        for path in beside.values():
            path.unlink(missing_ok=True)


def put_files(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Put an issue into a folder as `bulletin.<format>`; interrupted while it writes, nothing.

    Args:
        files: by format, as `render_files` makes them.
        folder: made when it is missing; existing files are replaced whole.
    """
    with put_aside(files, folder) as places:
        return places


def write_files(bulletin: Bulletin, folder: Path, formats: tuple[str, ...] = ()) -> list[Path]:
    """Make an issue and put it into a folder; nothing is written before all of it is made.

    Raises:
        DefinitionInvalid: naming a format that is not known, before anything is written.
    """
    return put_files(render_files(bulletin, formats), folder)
