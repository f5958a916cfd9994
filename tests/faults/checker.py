"""The judge: holds the hotline's records against what SIPp, Asterisk and the disk say.

It reads SIPp's ledgers, Asterisk's journal, CDR file and queue_log, the folders of recordings, and
PostgreSQL by plain SQL. It shares no code with the product, and imports none of it.

    python -m tests.faults.checker FOLDER URL LEDGER…

checks a stack that lies in FOLDER by hand, and prints its findings as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import soundfile

from tests.real.sealed import unseal

Rows = Sequence[Mapping[str, Any]]

LATEST = 60.0
"""Seconds within which a record is final, once everything is back."""
_NEARBY = 1.0
"""Seconds between SIPp's clock and the journal's, within which a call may be the same one."""
_FRAME_MS = 60
"""Milliseconds by which a coded sound may differ from the samples it was made of."""
_SOUNDLESS = 100
"""Milliseconds of talk of which no sound need have come through: a few packets."""
_SPOKEN = 1_124
"""Milliseconds of talk that a killed Asterisk may not have brought to the disk yet: the first
packets, and a buffer of 32,768 bytes at 32,000 a second."""


@dataclass(frozen=True)
class Evidence:
    """Where everything lies."""

    database: str
    journal: Path
    """Folder of the CEL files."""
    log: Path
    """Folder of Asterisk's other logs: `cdr-custom`, `queue_log`."""
    incoming: Path
    """Folder of recordings in the making."""
    archive: Path
    keys: Path
    """The key file of sealed recordings."""
    ledgers: Sequence[Path] = ()
    """Of SIPp, one for each sort of caller."""

    @classmethod
    def of(cls, folder: Path, database: str, ledgers: Sequence[Path] = ()) -> Evidence:
        """Find everything in the folder of a local stack."""
        asterisk = folder / "asterisk"
        return cls(
            database,
            asterisk / "log/cel-custom",
            asterisk / "log",
            asterisk / "spool/monitor",
            folder / "recordings",
            folder / "recordings.keys",
            ledgers,
        )


@dataclass
class Dialled:
    """A call as SIPp saw it."""

    number: str
    at: float = 0.0
    statuses: set[int] = field(default_factory=set)
    answered_at: float = 0.0

    @property
    def accepted(self) -> bool:
        return bool(self.statuses & {180, 183, 200})

    @property
    def tried(self) -> bool:
        """Whether Asterisk said that it is trying, and nothing else."""
        return self.statuses == {100}


@dataclass
class Report:
    """What was found; `violations` must be empty."""

    violations: dict[str, list[str]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def expect(self, identity: str, offenders: Sequence[object]) -> None:
        """Note the offenders of an identity, if there are any."""
        if offenders:
            self.violations[identity] = [str(offender) for offender in offenders]

    def __str__(self) -> str:
        shown = {name: [*found[:5], f"{len(found)} in all"] for name, found in self}
        return json.dumps({"violations": shown, "figures": self.figures}, ensure_ascii=False)

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        return iter(self.violations.items())


def read_ledgers(ledgers: Sequence[Path]) -> dict[str, Dialled]:
    """Read what `sipp -trace_shortmsg` wrote; the user part of a Call-ID is the caller's number."""
    calls: dict[str, Dialled] = {}
    for ledger in ledgers:
        for line in ledger.read_text("iso-8859-1").splitlines():
            parts = line.split("\t")
            if len(parts) < 7 or not parts[6]:
                continue
            at, way, call_id, cseq, first = float(parts[2]), *parts[3:7]
            number = call_id.partition("@")[0]
            call = calls.setdefault(number, Dialled(number, at))
            if way == "R" and first.startswith("SIP/2.0 ") and cseq.endswith("INVITE"):
                status = int(first.split()[1])
                call.statuses.add(status)
                if status == 200 and not call.answered_at:
                    call.answered_at = at
    return calls


@dataclass
class Journal:
    """What Asterisk wrote, read anew from the files."""

    lines: list[dict[str, str]] = field(default_factory=list)
    torn: int = 0

    @classmethod
    def read(cls, folder: Path) -> Journal:
        journal = cls()
        for path in sorted(folder.glob("cel.jsonl*")):
            seen = path.stat()
            lines, torn = _lines(path, seen.st_ino, seen.st_size)
            journal.lines += lines
            journal.torn += torn
        return journal

    def begun(self) -> set[str]:
        return {line["linkedid"] for line in self.lines if line["eventtype"] == "CHAN_START"}

    def queued(self) -> set[str]:
        return {line["linkedid"] for line in self.lines if line["userdeftype"] == "QUEUE"}

    def rings(self, among: set[str]) -> dict[str, list[tuple[float, float, str]]]:
        """Give the intervals in which each agent's telephone was rung or spoke for some calls."""
        spans: dict[str, list[float]] = defaultdict(list)
        linked, last = {}, defaultdict[str, float](float)
        for line in self.lines:
            at, channel, unique = float(line["eventtime"]), line["channame"], line["uniqueid"]
            boot = _boot(unique)
            last[boot] = max(last[boot], at)
            counts = channel.startswith("PJSIP/agent-") and line["linkedid"] in among
            if counts and line["eventtype"] in {"CHAN_START", "CHAN_END"}:
                spans[unique].append(at)
                linked[unique] = channel.removeprefix("PJSIP/agent-").rpartition("-")[0]
        found: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
        for unique, times in spans.items():
            end = max(times) if len(times) > 1 else last[_boot(unique)]
            found[linked[unique]].append((min(times), end, unique))
        return found


@lru_cache(maxsize=200)
def _lines(path: Path, _inode: int, size: int) -> tuple[list[dict[str, str]], int]:
    """Read a file of the journal; the same file of the same size is not read twice."""
    lines, torn = [], 0
    with path.open("rb") as stream:
        for line in stream.read(size).split(b"\n"):
            try:
                if line:
                    lines.append(json.loads(line))
            except ValueError:
                torn += 1
    return lines, torn


def _boot(unique: str) -> str:
    return unique.rpartition("-")[0]


async def check(
    evidence: Evidence, *, back_at: float = 0.0, clocks_agree: bool = True, settled: bool = True
) -> Report:
    """Check every identity.

    Args:
        evidence: where everything lies.
        back_at: when the last component was back, in seconds since the epoch.
        clocks_agree: False leaves out what compares the times of different processes.
        settled: False leaves out that every record is final and every recording in its place.
    """
    report = Report()
    journal = await asyncio.to_thread(Journal.read, evidence.journal)
    dialled = await asyncio.to_thread(read_ledgers, evidence.ledgers)
    connection = await asyncpg.connect(evidence.database, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):

            async def ask(sql: str) -> Rows:
                return await connection.fetch(sql, timeout=60)  # type: ignore[return-value]  # a record is a mapping

            calls = await ask(_CALLS)
            _callers(report, dialled, calls)
            _records(report, journal, calls)
            if settled:
                _endings(report, calls)
                await _recordings(report, evidence, calls, ask)
            if clocks_agree:
                _lateness(report, calls, dialled, back_at)
                _rung(report, journal, {c["call_id"] for c in calls if c["caller"] in dialled})
            _other_books(report, evidence, journal)
            await _audit(report, ask)
            report.figures["quarantined"] = (await ask("SELECT count(*) AS n FROM quarantine"))[0][
                "n"
            ]
    finally:
        await connection.close(timeout=10)
    report.figures |= {"torn_lines": journal.torn, "records": len(calls)}
    return report


_CALLS = """
SELECT call_id, node, caller, disposition, final, queue, talk_ms, direction,
       extract(epoch FROM started_at)::float8 AS started,
       extract(epoch FROM ended_at)::float8 AS ended,
       extract(epoch FROM folded_at)::float8 AS folded
FROM call
"""


def _callers(report: Report, dialled: Mapping[str, Dialled], calls: Rows) -> None:
    """P1: every call that got 180 or 200 has exactly one record; no record is of anything else."""
    records: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        records[call["caller"]].append(call["call_id"])
    doubled = [f"{n}: {records[n]}" for n in dialled if len(records[n]) > 1]
    report.expect("calls with more than one record", doubled)
    missed = sorted(
        (call for call in dialled.values() if call.accepted and not records[call.number]),
        key=lambda call: call.answered_at or call.at,
    )
    nameless = [call for call in calls if not call["caller"] and call["direction"] == "inbound"]
    lost, by_time = _told_by_time(missed, nameless)
    report.expect("accepted calls without a record", lost)
    tried = [call for call in dialled.values() if call.tried]
    report.figures |= {
        "dialled": len(dialled),
        "accepted": sum(call.accepted for call in dialled.values()),
        "known_by_time_only": by_time,
        "trying_only": len(tried),
        "trying_only_recorded": sum(bool(records[call.number]) for call in tried),
    }
    known = {number[:6] for number in dialled}
    report.expect(
        "records that nobody dialled",
        [n for n in records if n[:6] in known and len(n) > 6 and n not in dialled],
    )


def _told_by_time(missed: Sequence[Dialled], nameless: Rows) -> tuple[list[str], int]:
    """Match calls to records in which an Asterisk killed at once did not write the number yet."""
    free = sorted(nameless, key=lambda call: float(call["started"]))
    lost = []
    for call in missed:
        until = (call.answered_at or call.at) + _NEARBY
        match = next((r for r in free if call.at - _NEARBY <= r["started"] <= until), None)
        if match is None:
            lost.append(f"{call.number} {sorted(call.statuses)} at {call.at}")
        else:
            free.remove(match)
    return lost, len(missed) - len(lost)


def _records(report: Report, journal: Journal, calls: Rows) -> None:
    """P1: one record for each linked id that began a channel, and none for anything else."""
    counted = Counter((call["node"], call["call_id"]) for call in calls)
    report.expect("linked ids doubled", [key for key, n in counted.items() if n > 1])
    known, begun = {call["call_id"] for call in calls}, journal.begun()
    report.expect("records of which no channel began", sorted(known - begun))
    report.expect("channels begun without a record", sorted(begun - known))
    # P8: who asked for a queue is counted with it, by an addition of our own.
    queued = {call["call_id"] for call in calls if call["queue"]}
    report.expect("queued calls not counted so", sorted(journal.queued() - queued))
    outcomes = Counter(call["disposition"] for call in calls if call["queue"])
    known_outcomes = ("answered", "abandoned_in_queue", "overflow", "voicemail", "engine_lost")
    beyond = [f"{k}: {n}" for k, n in outcomes.items() if k and k not in known_outcomes]
    report.expect("outcomes of queued calls that no report adds up", beyond)


def _endings(report: Report, calls: Rows) -> None:
    report.expect("records not final", [call["call_id"] for call in calls if not call["final"]])
    by = Counter(call["disposition"] for call in calls)
    report.figures |= {f"disposition_{name}": n for name, n in by.items() if name}


def _lateness(report: Report, calls: Rows, dialled: Mapping[str, Dialled], back_at: float) -> None:
    """P1: final so many seconds after the end, or after the last component is back."""
    late = {
        call["call_id"]: call["folded"] - max(call["ended"], back_at)
        for call in calls
        if call["final"] and (not call["caller"] or call["caller"] in dialled)
    }
    report.expect(
        f"records final later than {LATEST:.0f} s",
        [f"{name}: {by:.1f} s" for name, by in late.items() if by > LATEST],
    )
    delays = sorted(max(0.0, by) for by in late.values())
    if delays:
        report.figures |= {
            "final_after_s_max": round(delays[-1], 2),
            "final_after_s_p99": round(delays[int(len(delays) * 0.99)], 2),
        }


def _rung(report: Report, journal: Journal, among: set[str]) -> None:
    """P4: no agent's telephone is rung for two of these calls at once."""
    twice = []
    rings = journal.rings(among)
    for agent, spans in rings.items():
        ordered = sorted(spans)
        for one, other in pairwise(ordered):
            if other[0] < one[1]:
                twice.append(f"{agent}: {one[2]} and {other[2]}")
    report.expect("agents offered two calls at once", twice)
    report.figures["offers"] = sum(map(len, rings.values()))


async def _recordings(
    report: Report, evidence: Evidence, calls: Rows, ask: Callable[[str], Awaitable[Rows]]
) -> None:
    """P2: files and rows are the same set, unchanged and playable; talk has its sound."""
    rows = await ask(_RECORDINGS)
    kept = {row["path"]: row for row in rows if row["state"] == "kept"}
    files = {
        path.relative_to(evidence.archive).as_posix()
        for path in evidence.archive.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    report.expect("archived files without a row", sorted(files - kept.keys()))
    report.expect("recordings without their file", sorted(kept.keys() - files))
    broken = await asyncio.to_thread(_unplayable, evidence, kept, files)
    report.expect("recordings unlike their row", broken)
    doubled = Counter((row["call_id"], row["leg"]) for row in rows)
    report.expect("recordings doubled", [key for key, n in doubled.items() if n > 1])
    sound = {row["call_id"]: row["milliseconds"] or 0 for row in kept.values()}
    mute, lost, short = [], 0, []
    for call in calls:
        talk, name = call["talk_ms"], call["call_id"]
        least = _SPOKEN if call["disposition"] == "engine_lost" else _SOUNDLESS
        if talk < least and name not in sound:
            lost += bool(talk)
        elif talk and name not in sound:
            mute.append(f"{name}: {talk} ms of talk")
        elif talk and call["disposition"] != "engine_lost" and sound[name] < talk * 0.98 - 1500:
            short.append(f"{name}: {sound[name]} of {talk} ms")
    report.expect("conversations without a recording", mute)
    report.expect("recordings shorter than the talk", short)
    owned = {call["call_id"] for call in calls}
    waiting = [p.name for p in evidence.incoming.iterdir() if p.stat().st_size]
    left = [name for name in waiting if name.partition(".raw")[0] in owned]
    report.expect("recordings that nobody fetched", left)
    report.figures |= {"recordings": len(kept), "talks_too_short_for_sound": lost}


_RECORDINGS = """
SELECT call_id, leg, state, path, format, key_id, sha256, milliseconds FROM recording
"""


def _unplayable(evidence: Evidence, kept: Mapping[str, Any], files: set[str]) -> list[str]:
    wrong: list[str] = []
    for path in sorted(kept.keys() & files):
        row, file = kept[path], evidence.archive / path
        seen = file.stat()
        said = tuple(row[k] for k in ("call_id", "leg", "format", "key_id", "sha256"))
        state = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
        faults = _faults_of(file, evidence.keys, said, row["milliseconds"], state)
        wrong += [f"{path}: {fault}" for fault in faults]
    return wrong


@lru_cache(maxsize=100_000)
def _faults_of(
    file: Path,
    keys: Path,
    said: tuple[Any, ...],
    milliseconds: int,
    _state: tuple[int, ...],
) -> tuple[str, ...]:
    """Open a recording and hold it against its row; the same file and row are not opened twice."""
    call_id, leg, form, key_id, sha256 = said
    try:
        sound = file.read_bytes()
        if key_id is not None:
            sound = unseal(file, keys, f"{call_id}/{leg}/{form}")
        seconds = soundfile.info(io.BytesIO(sound)).duration
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody can listen to it
        return (repr(error),)
    if hashlib.sha256(sound).digest() != sha256:
        return ("another sha256",)
    if not seconds or abs(seconds * 1000 - milliseconds) > _FRAME_MS:
        return (f"{seconds} s, and {milliseconds} ms by its row",)
    return ()


def _other_books(report: Report, evidence: Evidence, journal: Journal) -> None:
    """P1: whatever Asterisk's CDR file or queue_log knows, its journal knows."""
    heard = {line["linkedid"] for line in journal.lines}
    cdr = evidence.log / "cdr-custom/cdr.jsonl"
    lines = cdr.read_text("utf-8", "replace").splitlines() if cdr.exists() else []
    told = {json.loads(line)["linkedid"] for line in lines if line.endswith("}")}
    report.expect("linked ids in the CDR file alone", sorted(told - heard))
    queue_log = evidence.log / "queue_log"
    text = queue_log.read_text("utf-8", "replace") if queue_log.exists() else ""
    entered = {p[1] for line in text.splitlines() if (p := line.split("|"))[4:5] == ["ENTERQUEUE"]}
    report.expect("linked ids in queue_log alone", sorted(entered - heard))


async def _audit(report: Report, ask: Callable[[str], Awaitable[Rows]]) -> None:
    """P10: each audit row carries the hash of the one before, and none is missing."""
    rows = await ask(
        "SELECT seq, extract(epoch FROM happened_at)::text AS at, actor, action, object, "
        "detail::text AS detail, prev_hash, hash FROM audit ORDER BY seq"
    )
    before, broken = hashlib.sha256(b"12320").digest(), []
    for number, row in enumerate(rows, 1):
        words = (str(row["seq"]), *(row[k] for k in ("at", "actor", "action", "object", "detail")))
        digest = hashlib.sha256(row["prev_hash"] + "\x1f".join(words).encode()).digest()
        if (row["seq"], row["prev_hash"], row["hash"]) != (number, before, digest):
            broken.append(row["seq"])
        before = row["hash"]
    report.expect("breaks in the audit's chain", broken)


def main(folder: str, database: str, *ledgers: str) -> int:
    evidence = Evidence.of(Path(folder), database, [Path(ledger) for ledger in ledgers])
    report = asyncio.run(check(evidence))
    print(json.dumps(asdict(report), ensure_ascii=False, indent=1))  # noqa: T201 - its answer
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
