"""The worker of long runs about the bulletin: a process of its own, for one run.

It is started by `agents.runs.Runner` and tells its steps on its standard output. What it made is
kept in one transaction with the run's end, so that a cancelled run leaves nothing.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from agents import runs
from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.files import WRITERS, render_files
from agents.reports.kpi import FiguresDisagree
from agents.reports.render.drawing import RenderingImpossible
from agents.reports.scheme import scheme
from agents.reports.tally import Period, Standing
from agents.statistics.compilation import compiled, gather
from agents.statistics.issue_drafts import draft_for, keep
from agents.statistics.issue_runs import Wanted
from agents.statistics.issues import (
    IssueRefused,
    add_files,
    final,
    kept_issue,
    may_publish,
    publish,
)
from ivr.database import OUTSIDE_FAILURES, Pool, Session, make_pool, transaction
from ivr.errors import DefinitionInvalid
from ivr.log import configure_logging

STEPS: Final = ("counts", *WRITERS, "keep")
"""What a run is at, in its order."""

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
CODES: Final[Mapping[type[Exception], str]] = {
    FiguresDisagree: "figures_disagree",
    RenderingImpossible: "rendering_impossible",
    DefinitionInvalid: "editorial_invalid",
    **dict.fromkeys(OUTSIDE_FAILURES, "store_away"),
}
"""What the desk is told of failures that people can mend, or that pass."""
_MONTH: Final = re.compile(r"\d{4}-\d{2}")

log = structlog.get_logger()


def main() -> None:
    """Do the run that the first line of the standard input names."""
    task = runs.Task.model_validate_json(sys.stdin.readline())
    configure_logging(level=task.log_level)
    try:
        asyncio.run(_work(task))
    except runs.RunEnded:
        return
    except IssueRefused as refusal:
        _say(runs.Failure(failed=refusal.code, named=dict(refusal.named)))
    except tuple(CODES) as failure:
        _say(_told(failure))


def _told(failure: Exception) -> runs.Failure:
    """Say a failure: its months to the desk, its own words, which are no writer's, to the log."""
    code = next(code for kind, code in CODES.items() if isinstance(failure, kind))
    said = "" if isinstance(failure, DefinitionInvalid) else str(failure)
    log.warning("bulletin.not_made", reason=code, exception=type(failure).__name__, detail=said)
    named = {"months": _MONTH.findall(said)} if code == "figures_disagree" else {}
    return runs.Failure(failed=code, named=named)


async def _work(task: runs.Task) -> None:
    async with make_pool(task.database, purpose="bulletin") as pool:
        async with _connected(pool, task) as connection:
            row = await queries.run(connection, run_id=task.run_id, seconds=runs.LOST_SECONDS)
        wanted = Wanted.model_validate_json(row["wanted"])
        act = {"compile": _compile, "publish": _publish, "draw": _draw}[wanted.act]
        await act(pool, task, wanted, row["asked_by"])


async def _compile(pool: Pool, task: runs.Task, wanted: Wanted, by: str) -> None:
    _tell("counts")
    shown, period = scheme(wanted.scheme), Period(wanted.first, wanted.last)
    today = datetime.now(_SHANGHAI).date()
    async with _connected(pool, task) as connection:
        draft = await draft_for(connection, shown, period, today)
        gathered = await gather(connection, shown, period)
    draft = draft.counting(outbound=wanted.outbound)
    bulletin = compiled(gathered, shown, draft)
    files = _made(bulletin)
    result = {
        standing.value: [unit.name for unit in gathered.figures.standing_units(standing)]
        for standing in (Standing.MISSING, Standing.PARTIAL)
    }
    _tell("keep")
    async with transaction(pool, task.database) as connection:
        number = await keep(connection, bulletin, draft, by=by, files=files)
        await runs.keep(connection, task.run_id, {"bulletin_id": number, **result})


async def _publish(pool: Pool, task: runs.Task, wanted: Wanted, by: str) -> None:
    _tell("counts")
    number = wanted.bulletin_id or 0
    async with transaction(pool, task.database) as connection:
        reviewed = await may_publish(connection, number, by=by)
    files = _made(final(reviewed))
    _tell("keep")
    async with transaction(pool, task.database) as connection:
        await publish(connection, number, reviewed, files, by=by)
        await runs.keep(connection, task.run_id, {"bulletin_id": number})


async def _draw(pool: Pool, task: runs.Task, wanted: Wanted, _by: str) -> None:
    _tell("counts")
    number = wanted.bulletin_id or 0
    async with _connected(pool, task) as connection:
        bulletin = await kept_issue(connection, number)
    files = _made(bulletin)
    _tell("keep")
    async with transaction(pool, task.database) as connection:
        if await kept_issue(connection, number) != bulletin:
            raise IssueRefused("changed_meanwhile", f"Issue {number} was compiled anew meanwhile.")
        await add_files(connection, number, files)
        await runs.keep(connection, task.run_id, {"bulletin_id": number})


@asynccontextmanager
async def _connected(pool: Pool, task: runs.Task) -> AsyncIterator[Session]:
    async with pool.acquire(timeout=task.database.acquire_seconds) as connection:
        yield connection


def _made(bulletin: Bulletin) -> dict[str, bytes]:
    return render_files(bulletin, told=lambda form, _position, _forms: _tell(form))


def _tell(doing: str) -> None:
    _say(runs.Step(step=STEPS.index(doing) + 1, steps=len(STEPS), doing=doing))


def _say(told: runs.Step | runs.Failure) -> None:
    sys.stdout.write(told.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
