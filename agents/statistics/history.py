"""History from before this system: a CSV of counts, taken in whole or not at all.

Columns, in any order, with these names in the first line:

    unit        id of a reporting unit
    date        2014-11-05, or 2014-11 for a month known as one sum (counted on its first day)
    service     咨询 or its letter; may be empty when a code is given
    code        a category's code; or
    path        its names from the service type down: 咨询>寻医问药
    settlement  on_the_spot, transferred, open, or 当场办结, 转办, 在办; empty is on_the_spot
    count       how many 件次, 0 or more
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import structlog

from agents.database import queries
from agents.reports.tally import Settlement
from agents.statistics.submissions import Fault, SubmissionRefused
from ivr.categories.taxonomy import Taxonomy
from ivr.database import Session

log = structlog.get_logger()

COLUMNS: Final = ("unit", "date", "service", "settlement", "count")
_SETTLEMENTS: Final = {
    "": Settlement.ON_THE_SPOT,
    "当场办结": Settlement.ON_THE_SPOT,
    "转办": Settlement.TRANSFERRED,
    "在办": Settlement.OPEN,
    **{how.value: how for how in Settlement},
}
_MONTH_LENGTH: Final = len("2014-11")


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the file."""

    line: int
    day: date
    unit: str
    code: str
    settlement: str
    count: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    import_id: int
    lines: int
    repeated: bool
    """The same bytes were imported before; nothing changed."""


def decoded(content: bytes) -> str:
    """Decode UTF-8, with or without a mark, or GB 18030 as older office programs write it.

    Raises:
        SubmissionRefused: it is neither.
    """
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SubmissionRefused([Fault("file", "UTF-8 or GB 18030", "other bytes")])


def parse_history(text: str, taxonomy: Taxonomy, units: Collection[str]) -> tuple[HistoryLine, ...]:
    """Read and check a file; pure.

    Raises:
        SubmissionRefused: with every bad row and its reason; then nothing may be imported.
    """
    rows = csv.DictReader(io.StringIO(text), restkey="beyond", restval="")
    names = set(rows.fieldnames or ())
    missing = [name for name in COLUMNS if name not in names]
    if missing or not names & {"code", "path"}:
        expected = f"the columns {', '.join(COLUMNS)} and code or path"
        raise SubmissionRefused([Fault("line 1", expected, ", ".join(rows.fieldnames or ()))])
    faults: list[Fault] = []
    lines = [
        line
        for number, row in enumerate(rows, start=2)
        if (line := _line(number, row, (taxonomy, units), faults)) is not None
    ]
    if faults:
        raise SubmissionRefused(faults)
    return tuple(lines)


def _line(
    number: int,
    row: Mapping[str, Any],
    known: tuple[Taxonomy, Collection[str]],
    faults: list[Fault],
) -> HistoryLine | None:
    taxonomy, units = known
    cells = {name: text.strip() for name, text in row.items() if isinstance(text, str)}
    before = len(faults)

    def fault(column: str, expected: str) -> None:
        faults.append(Fault(f"line {number}, {column}", expected, cells.get(column, "")))

    if cells["unit"] not in units:
        fault("unit", "a known unit")
    day = _day(cells["date"])
    if day is None:
        fault("date", "a day such as 2014-11-05, or a month")
    code = _code(cells, taxonomy)
    if code is None:
        fault("code" if cells.get("code") else "path", f"a category of {taxonomy.id}")
    settlement = _SETTLEMENTS.get(cells["settlement"])
    if settlement is None:
        fault("settlement", "on_the_spot, transferred or open")
    if not (cells["count"].isascii() and cells["count"].isdigit()):
        fault("count", "a count, 0 or more")
    if len(faults) > before or day is None or code is None or settlement is None:
        return None
    return HistoryLine(number, day, cells["unit"], code, settlement.value, int(cells["count"]))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == _MONTH_LENGTH else text)
    except ValueError:
        return None


def _code(cells: Mapping[str, str], taxonomy: Taxonomy) -> str | None:
    """Find the category; the service, when given too, must be the one it belongs to."""
    if cells.get("code"):
        found = taxonomy.nodes.get(cells["code"])
    elif cells.get("path"):
        found = taxonomy.by_path(cells["path"])
    else:
        found = taxonomy.by_path(cells["service"]) if cells["service"] else None
    if found is None:
        return None
    service = taxonomy.lineage(found.code)[0]
    if cells["service"] and cells["service"] not in {service.code, service.name}:
        return None
    return found.code


async def import_requests(
    session: Session, content: bytes, taxonomy: Taxonomy, *, name: str, by: str
) -> Imported:
    """Take in a file of history; call it in a transaction.

    The same bytes twice change nothing the second time.

    Raises:
        SubmissionRefused: with every bad row and its reason; nothing was imported.
    """
    digest = hashlib.sha256(content).digest()
    before = await queries.same_import(session, digest=digest)
    if before is not None:
        return Imported(before["import_id"], before["lines"], repeated=True)
    units = {row["unit_id"] async for row in queries.unit_ids(session)}
    lines = parse_history(decoded(content), taxonomy, units)
    made = await queries.store_import(
        session, digest=digest, name=name, scheme=taxonomy.id, imported_by=by
    )
    import_id: int = made["import_id"]
    await session.copy_records_to_table(
        "import_line",
        columns=("import_id", "line", "day", "unit", "code", "settlement", "n"),
        records=[
            (import_id, line.line, line.day, line.unit, line.code, line.settlement, line.count)
            for line in lines
        ],
    )
    clashes = [row async for row in queries.import_clashes(session, import_id=import_id)]
    if clashes:
        raise SubmissionRefused(
            [
                Fault(
                    f"{row['unit']} {row['day']:%Y-%m-%d}",
                    "a day that is not counted yet",
                    str(row["why"]),
                )
                for row in clashes
            ]
        )
    await queries.count_import(session, import_id=import_id)
    log.info("history.imported", import_id=import_id, lines=len(lines))
    return Imported(import_id, len(lines), repeated=False)
