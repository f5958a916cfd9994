"""Both printed bulletins' figures, sent in and imported as units would."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg

from agents.database import queries
from agents.reports.scheme import network
from agents.reports.tally import Standing
from agents.statistics.intake import accept, receive
from agents.statistics.submissions import Line, Submission
from agents.statistics.units import store_network
from tests.agents.reports import printed

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
IN_TIME = datetime(2016, 11, 3, tzinfo=UTC)


def months_of_2016() -> list[Submission]:
    """One submission for each of the 31 units."""
    lines: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for request in printed.requests_2016():
        lines[request.unit][request.code, request.settlement] += 1
    sent = [
        Submission(
            member.unit.id,
            printed.OCTOBER,
            "12320-2016",
            Standing.COMPLETE,
            lines[member.unit.id].total(),
            "",
            tuple(sorted(Line(code, how, n) for (code, how), n in lines[member.unit.id].items())),
        )
        for member in network("national")
        if member.unit.id != printed.TIANJIN.unit
    ]
    tianjin = printed.TIANJIN
    partial = Submission(
        tianjin.unit,
        tianjin.month,
        "12320-2016",
        Standing.PARTIAL,
        tianjin.total,
        tianjin.reason,
        (),
    )
    return [*sent, partial]


async def take_in(connection: Connection, sent: list[Submission]) -> None:
    for submission in sent:
        async with connection.transaction():
            receipt = await receive(connection, submission, sent_by="unit", now=IN_TIME)
            await accept(connection, receipt.submission_id, by="centre")


async def national_books(connection: Connection) -> None:
    """October 2016 as 31 accepted submissions."""
    await store_network(connection, "national", network("national"))
    await take_in(connection, months_of_2016())


async def national_requests(connection: Connection) -> None:
    """October 2016 as 264,478 rows of `request`; only the unit without detail sends in.

    Loaded in bulk, without the calls that they hang on and without counting each: the counts
    must then be rebuilt.
    """
    await store_network(connection, "national", network("national"), reports_by="requests")
    await queries.set_unit_reporting(
        connection, unit=printed.TIANJIN.unit, reports_by="submissions"
    )
    await take_in(connection, [s for s in months_of_2016() if s.unit == printed.TIANJIN.unit])
    await connection.execute("SELECT make_partitions('2016-10-01')")
    await connection.execute("SET session_replication_role = replica")
    at = datetime(2016, 10, 12, tzinfo=UTC)
    columns = (
        *("opened_at", "call_id", "source", "position", "scheme", "service", "code"),
        *("confidence", "made_at", "unit", "settlement"),
    )
    await connection.copy_records_to_table(
        "request",
        columns=columns,
        records=(
            (
                at,
                f"n1-1-1476230400.{n}",
                "agent",
                1,
                "12320-2016",
                r.service,
                r.code,
                1.0,
                at,
                r.unit,
                r.settlement,
            )
            for n, r in enumerate(printed.requests_2016())
        ),
    )
    await connection.execute("SET session_replication_role = origin")


def history_2014() -> bytes:
    """All counts of the province's bulletin as a file of history."""
    out = io.StringIO("unit,date,service,code,settlement,count\n")
    out.seek(0, io.SEEK_END)
    counts = [*printed.counted(printed.requests_2014()), *printed.earlier_2014()]
    for cell in counts:
        out.write(
            f"{cell.unit},{cell.month:%Y-%m},{cell.service},{cell.code},{cell.settlement},{cell.n}\n"
        )
    # A city without a request in a month says so; a month without a line would be missing.
    for member in network("jiangsu"):
        for month in (printed.NOVEMBER, printed.DECEMBER):
            out.write(f"{member.unit.id},{month:%Y-%m},咨询,K,当场办结,0\n")
    out.write(f"js-nanjing,2013-11,咨询,K,当场办结,{printed.PRIOR_YEAR}\n")
    return out.getvalue().encode()


def ranking_2014() -> list[Submission]:
    """The national totals that the province quotes, as totals without detail."""
    return [
        Submission(unit.id, month, "12320-2014", Standing.PARTIAL, total, "", ())
        for month, totals in printed.ranking_2014().items()
        for unit, total in totals
    ]
