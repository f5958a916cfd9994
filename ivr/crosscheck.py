"""Whether Asterisk's CDR file and queue_log tell the same of the calls as our records do. Pure.

They are written by other parts of Asterisk than the journal, so a fault on the way to a record
shows here. Both know whole seconds only, and queue_log's moments are not the bridge's: what may
differ by that is no difference. Nothing from here ever finds its way into a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ivr.asterisk.counterpart import CdrLine, QueueLine
from ivr.calls import CALL_ID, Disposition, VisitOutcome

ROUNDING_SECONDS: Final = 2.0
"""Two stamps cut to whole seconds, and the moment between a channel's end and its CDR's."""

_ENDINGS: Final[Mapping[str, frozenset[VisitOutcome]]] = {
    "ABANDON": frozenset({VisitOutcome.ABANDONED}),
    "COMPLETEAGENT": frozenset({VisitOutcome.ANSWERED}),
    "COMPLETECALLER": frozenset({VisitOutcome.ANSWERED}),
    "BLINDTRANSFER": frozenset({VisitOutcome.ANSWERED}),
    "ATTENDEDTRANSFER": frozenset({VisitOutcome.ANSWERED}),
    "EXITWITHTIMEOUT": frozenset({VisitOutcome.OVERFLOW, VisitOutcome.ABANDONED}),
    "EXITWITHKEY": frozenset({VisitOutcome.OVERFLOW, VisitOutcome.ABANDONED}),
    "EXITEMPTY": frozenset({VisitOutcome.OVERFLOW, VisitOutcome.ABANDONED}),
    "WITHDRAWN": frozenset({VisitOutcome.OVERFLOW, VisitOutcome.ABANDONED}),
}
"""What a stay may have come to when this is queue_log's last word on it. A caller who hears an
offer is out of app_queue for a moment, and may hang up in it."""

_PASSED_THROUGH: Final = frozenset({VisitOutcome.ANSWERED, VisitOutcome.OVERFLOW})
"""Outcomes that app_queue must have been run for."""

_COMPLETED: Final = frozenset({"COMPLETEAGENT", "COMPLETECALLER"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is compared of our record."""

    call_id: str
    seconds: float
    """From its first to its last moment."""
    answered: bool
    """Whether any channel of it was."""
    disposition: Disposition
    visits: tuple[tuple[VisitOutcome, str], ...]
    """How each stay in a queue ended, and the agent, if any."""


@dataclass(slots=True)
class Told:
    """What CDR file and queue_log say of one call."""

    began: datetime | None = None
    ended: datetime | None = None
    answered: bool = False
    entered: bool = False
    """Into a queue."""
    agents: list[str] = field(default_factory=list)
    last: str = ""
    """queue_log's last word on a stay."""
    spoke_seconds: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long the call was by the CDR; None when there is none."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()

    def take(self, line: CdrLine | QueueLine) -> None:
        """Add what a line says."""
        if isinstance(line, CdrLine):
            self.began = min(self.began or line.began, line.began)
            self.ended = max(self.ended or line.ended, line.ended)
            self.answered = self.answered or line.answered
            return
        self.entered = True
        if line.event == "CONNECT":
            self.agents.append(line.agent)
        elif line.event in _ENDINGS:
            self.last = line.event
            self.spoke_seconds = _seconds_spoken(line)


def _seconds_spoken(line: QueueLine) -> int | None:
    """Return how long they spoke, by queue_log; None when the line does not say so."""
    if line.event not in _COMPLETED or len(line.data) < 2:  # noqa: PLR2004 - waited|spoke|position
        return None
    return int(line.data[1]) if line.data[1].isdecimal() and len(line.data[1]) < 10 else None  # noqa: PLR2004 - no call lasts a billion seconds


def tell(lines: Iterable[CdrLine | QueueLine]) -> dict[str, Told]:
    """Gather what lines say, by call."""
    told: dict[str, Told] = {}
    for line in lines:
        told.setdefault(line.call_id, Told()).take(line)
    return told


@dataclass(frozen=True, slots=True)
class Difference:
    """Two that should tell the same do not."""

    kind: str
    """One of `KINDS`."""
    call_id: str
    why: str


NO_CDR: Final = "records without a CDR"
NO_RECORD: Final = "CDRs or queue_log entries without a record"
NO_QUEUE_LOG: Final = "stays in a queue that queue_log does not know"
ANSWERED: Final = "calls that the CDR says were answered otherwise"
DURATION: Final = "calls that the CDR says lasted otherwise"
QUEUE: Final = "stays in a queue that queue_log says ended otherwise"

KINDS: Final = (NO_CDR, NO_RECORD, NO_QUEUE_LOG, ANSWERED, DURATION, QUEUE)


def compare(
    record: Recorded, told: Told, *, cdr: bool, queue_log: bool, whole: bool = True
) -> list[Difference]:
    """Return how what Asterisk tells of a call differs from its record.

    Args:
        record: final, and long enough ago that CDR and queue_log are written.
        told: everything that was found about it; empty when nothing was.
        cdr: whether a CDR can be asked for: its file reaches back so far.
        queue_log: the same of queue_log.
        whole: False when some of the call's CDRs may stand in a file that was put away; they can
            tell of less than the record then, and not of more.
    """
    if record.disposition is Disposition.ENGINE_LOST:
        return []  # a CDR is written at the end, and there was none
    found: list[tuple[str, str]] = []
    if cdr:
        found += _by_cdr(record, told, whole=whole)
    if queue_log:
        found += _by_queue_log(record, told)
    return [Difference(kind, record.call_id, why) for kind, why in found]


def _by_cdr(record: Recorded, told: Told, *, whole: bool) -> Sequence[tuple[str, str]]:
    if told.seconds is None:
        return [(NO_CDR, f"{record.disposition}, {record.seconds:.0f} s")]
    found = []
    if told.answered != record.answered and (whole or told.answered):
        found.append((ANSWERED, f"CDR {told.answered}, ours {record.answered}"))
    more = told.seconds - record.seconds
    if more > ROUNDING_SECONDS or (whole and -more > ROUNDING_SECONDS):
        found.append((DURATION, f"CDR {told.seconds:.0f} s, ours {record.seconds:.1f} s"))
    return found


def _by_queue_log(record: Recorded, told: Told) -> Sequence[tuple[str, str]]:
    if not record.visits and (not told.entered or _is_place_holder(record.call_id)):
        return []
    if not told.entered:
        # Who hung up while still being told the place was never in app_queue.
        passed = [outcome for outcome, _ in record.visits if outcome in _PASSED_THROUGH]
        return [(NO_QUEUE_LOG, " ".join(passed))] if passed else []
    agents = [agent for outcome, agent in record.visits if outcome is VisitOutcome.ANSWERED]
    if told.spoke_seconds == 0 and told.agents[-1:] != agents[-1:]:
        return []  # somebody hung up in the instant of the answer: each may call it what it likes
    last = record.visits[-1][0] if record.visits else None
    if told.agents != agents or (told.last and last not in _ENDINGS[told.last]):
        said = f"{told.last or 'nothing'} {' '.join(told.agents)}".strip()
        return [(QUEUE, f"queue_log {said}, ours {last} {' '.join(agents)}".strip())]
    return []


def _is_place_holder(call_id: str) -> bool:
    """Whether we made the call ourselves: it keeps a place in a queue and is nobody's stay."""
    return not call_id.rpartition(".")[2].isdecimal()


def opened_second(call_id: str) -> int:
    """Return the second since 1970 in which a call's first channel was made."""
    match = CALL_ID.fullmatch(call_id)
    return int(match["second"]) if match else 0
