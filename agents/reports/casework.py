"""Indicators of what happens after the call: solved at once, in time, followed up (O-5, O-6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from agents.reports.rounding import Ratio

REPEAT_WINDOW: Final = timedelta(days=7)
"""A second contact within it means that the first did not solve the matter; inclusive."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact; `caller` is the keyed hash of the number, None when it was withheld."""

    caller: str | None
    category: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FirstContact:
    """一次解决率 with what could not enter it."""

    solved: Ratio
    open_windows: int
    withheld: int


def first_contact_resolution(
    contacts: Iterable[Contact], cut: datetime, window: timedelta = REPEAT_WINDOW
) -> FirstContact:
    """Compute 一次解决率 (O-5).

    An issue is a caller with a level-1 category. It opens with a contact, and a contact of the
    same caller and category within the window is a repeat of it; later ones open a new issue.
    Only issues whose window has closed at `cut` are counted.
    """
    known: list[Contact] = []
    withheld = 0
    for contact in contacts:
        if contact.caller is None:
            withheld += 1
        else:
            known.append(contact)
    known.sort(key=lambda c: (c.caller or "", c.category, c.at))
    closed = repeated = still_open = 0
    for _, group in groupby(known, key=lambda c: (c.caller, c.category)):
        for opened_at, repeats in _issues([contact.at for contact in group], window):
            if opened_at + window > cut:
                still_open += 1
                continue
            closed += 1
            repeated += repeats > 0
    return FirstContact(Ratio(closed - repeated, closed), still_open, withheld)


def _issues(times: list[datetime], window: timedelta) -> list[tuple[datetime, int]]:
    issues: list[tuple[datetime, int]] = []
    for at in times:
        if issues and at - issues[-1][0] <= window:
            issues[-1] = (issues[-1][0], issues[-1][1] + 1)
        else:
            issues.append((at, 0))
    return issues


@dataclass(frozen=True, slots=True)
class Extension:
    """A later due time, with the moment of its approval."""

    approved_at: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One transfer of a case to a department.

    A returned (退单 accepted) dispatch ends there; the next one of the same case is its own
    dispatch with its own due time.
    """

    due: datetime
    closed_at: datetime | None = None
    extensions: tuple[Extension, ...] = ()
    withdrawn: bool = False
    returned: bool = False
    on_the_spot: bool = False

    @property
    def counts(self) -> bool:
        """Whether the dispatch enters the denominator at all."""
        return not (self.withdrawn or self.returned or self.on_the_spot)

    @property
    def effective_due(self) -> datetime:
        """The due time after the extensions that were approved before the old one ran out."""
        due = self.due
        for extension in sorted(self.extensions, key=lambda e: e.approved_at):
            if extension.approved_at <= due:
                due = extension.due
        return due


def closed_in_time(dispatches: Iterable[Dispatch], start: datetime, end: datetime) -> Ratio:
    """Compute 按时办结率 of the cohort due in `[start, end)` (O-6); open and overdue is late."""
    cohort = [d for d in dispatches if d.counts and start <= d.effective_due < end]
    in_time = sum(d.closed_at is not None and d.closed_at <= d.effective_due for d in cohort)
    return Ratio(in_time, len(cohort))


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The follow-up of one closed, transferred case."""

    reachable: bool
    """False for an anonymous caller who left no contact."""
    completed: bool


def followed_up(cases: Iterable[FollowUp]) -> Ratio:
    """Compute 回访率: the anonymous leave the denominator, the unreached stay in it."""
    required = [case for case in cases if case.reachable]
    return Ratio(sum(case.completed for case in required), len(required))
