"""The definitions in force, replaced as one set when a file is edited.

An edited file takes effect for the calls that begin after it. A broken edit, or one that would
mislead callers, is refused with what is at fault, and what was in force stays in force.
"""

from __future__ import annotations

import asyncio

import structlog

from ivr.errors import DefinitionInvalid
from ivr.menu.check import Weight, check
from ivr.menu.definitions import Definitions, Sources, load_definitions

log = structlog.get_logger()


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
