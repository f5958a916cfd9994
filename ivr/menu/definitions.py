"""The definitions in force: menus, prompts and hours, loaded together and replaced together.

An edited file takes effect for the calls that begin after it. A broken edit, or one that would
mislead callers, is refused with what is at fault, and what was in force stays in force.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from ivr.categories.taxonomy import edition
from ivr.config import DefinitionSettings
from ivr.definition import read_text
from ivr.errors import DefinitionInvalid
from ivr.hours import Hours, parse_hours
from ivr.menu.check import Weight, check
from ivr.menu.load import Known, load_menus, menu_files
from ivr.menu.model import Menu
from ivr.menu.prompts import PromptBook, parse_prompts

log = structlog.get_logger()


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


def load_definitions(sources: Sources) -> Definitions:
    """Read and check everything.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found in the first bad kind
            of file: prompts, then hours, then menus, because each refers to the one before.
    """
    prompts = parse_prompts(sources.prompts, read_text(sources.prompts))
    hours = parse_hours(sources.hours, read_text(sources.hours))
    known = Known(prompts.prompts, frozenset(hours.queues), _fileable)
    return Definitions(load_menus(sources.menus, known), hours, prompts)


def _fileable(preset: str) -> bool:
    """Tell whether a request may be filed under `<taxonomy id>:<code>`."""
    taxonomy_id, _, code = preset.partition(":")
    try:
        taxonomy = edition(taxonomy_id)
    except DefinitionInvalid:
        return False
    return code in taxonomy and taxonomy.selectable(code)


class Shelf:
    """Holds the definitions in force; calls take `current` once, when they begin."""

    def __init__(self, sources: Sources) -> None:
        """Load them; what can be played is played, because no menu at all is worse.

        Raises:
            DefinitionInvalid: nothing can be put in force.
        """
        self._sources = sources
        self._seen = sources.fingerprint()
        self._current = load_definitions(sources)
        if faults := _faults(self._current):
            log.error("definitions.faulty", faults=faults)

    @property
    def current(self) -> Definitions:
        """The set in force."""
        return self._current

    def refresh(self) -> bool:
        """Take over an edit if there is one; tell whether something new is in force."""
        seen = self._sources.fingerprint()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._current = _proved(load_definitions(self._sources))
        except DefinitionInvalid as invalid:
            log.warning("definitions.refused", faults=invalid.detail.strip().splitlines())
            return False
        log.info("definitions.replaced", menus=[menu.name for menu in self._current.menus])
        return True

    async def watch(self, *, every_seconds: float = 2.0) -> None:
        """Look for edits until cancelled; a child of the bridge's task group."""
        while True:
            await asyncio.sleep(every_seconds)
            await asyncio.to_thread(self.refresh)


def _faults(definitions: Definitions) -> list[str]:
    return [str(one) for one in check(definitions) if one.weight is Weight.FAULT]


def _proved(definitions: Definitions) -> Definitions:
    if faults := _faults(definitions):
        raise DefinitionInvalid("\n".join(faults))
    return definitions
