"""The definitions a centre edits: menus, prompts and hours, loaded together as one set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

from ivr.categories.taxonomy import edition
from ivr.config import DefinitionSettings
from ivr.definition import Source, read_text
from ivr.errors import DefinitionInvalid
from ivr.hours import Hours, parse_hours
from ivr.menu.load import Known, load_menus, menu_files
from ivr.menu.model import Menu
from ivr.menu.prompts import PromptBook, parse_prompts


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the definitions lie."""

    menus: Path
    """A folder of menus, `*.toml`."""
    hours: Path
    prompts: Path

    @classmethod
    def of(cls, settings: DefinitionSettings) -> Self:
        """Take the places from the settings."""
        return cls(menus=settings.menus, hours=settings.hours, prompts=settings.prompts)

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """Change when a file is edited, added or removed; a missing file counts as empty."""
        paths = (*menu_files(self.menus), self.hours, self.prompts)
        return tuple(stamp for path in paths if (stamp := _stamp(path)))


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        status = path.stat()
    except OSError:  # an editor replaces a file by taking it away for a moment
        return None
    return path.name, status.st_mtime_ns, status.st_size


@dataclass(frozen=True, slots=True)
class Definitions:
    """One consistent set."""

    menus: tuple[Menu, ...]
    hours: Hours
    prompts: PromptBook
    sources: Mapping[str, Source] = field(default_factory=dict)
    """The files' texts by the name of the menu, or `hours`: a finding is told with its line."""


def load_definitions(sources: Sources) -> Definitions:
    """Read and check everything.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found in the first bad kind
            of file: prompts, then hours, then menus, because each refers to the one before.
    """
    prompts = parse_prompts(sources.prompts, read_text(sources.prompts))
    hours = parse_hours(sources.hours, read_text(sources.hours))
    known = Known(prompts.prompts, frozenset(hours.queues), _fileable)
    menus = load_menus(sources.menus, known)
    files = zip(menus, menu_files(sources.menus), strict=False)
    texts = {menu.name: Source(path, read_text(path)) for menu, path in files}
    texts["hours"] = Source(sources.hours, read_text(sources.hours))
    return Definitions(menus, hours, prompts, MappingProxyType(texts))


def _fileable(preset: str) -> bool:
    """Tell whether a request may be filed under `<taxonomy id>:<code>`."""
    taxonomy_id, _, code = preset.partition(":")
    try:
        taxonomy = edition(taxonomy_id)
    except DefinitionInvalid:
        return False
    return code in taxonomy and taxonomy.selectable(code)
