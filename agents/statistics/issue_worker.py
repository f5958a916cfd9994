"""The worker of long runs about the bulletin: a process of its own, for one run.

It is started by `agents.runs.Runner` and tells its steps on its standard output. What it made is
kept in one transaction with the run's end, so that a cancelled run leaves nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from agents import runs
from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.files import WRITERS, render_files
from agents.reports.kpi import FiguresDisagree
from agents.reports.render.drawing import RenderingImpossible
from agents.reports.scheme import scheme
from agents.reports.tally import Period, Standing
from agents.statistics.compilation import compiled, gather
from agents.statistics.issue_drafts import draft_for
from agents.statistics.issue_runs import Wanted
from agents.statistics.issues import (
    IssueRefused,
    final,
    keep_compiled,
    may_publish,
    publish,
)
from ivr.database import Pool, make_pool
from ivr.errors import DefinitionInvalid
from ivr.log import configure_logging

STEPS: Final = ("counts", *WRITERS, "keep")
"""What a run is at, in its order."""

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
CODES: Final[Mapping[type[Exception], str]] = {
    FiguresDisagree: "figures_disagree",
    RenderingImpossible: "rendering_impossible",
    DefinitionInvalid: "editorial_invalid",
}
"""What the desk is told of failures that people can mend."""


def main() -> None:
    """Do the run that the first line of the standard input names."""
    configure_logging()
    task = runs.Task.model_validate_json(sys.stdin.readline())
    try:
        asyncio.run(_work(task))
    except runs.RunEnded:
        return
    except IssueRefused as refusal:
        _say(runs.Failure(failed=refusal.code, named=dict(refusal.named)))
    except tuple(CODES) as failure:
        code = next(code for kind, code in CODES.items() if isinstance(failure, kind))
        _say(runs.Failure(failed=code, named={"detail": str(failure)}))


async def _work(task: runs.Task) -> None:
    async with make_pool(task.database, purpose="bulletin") as pool:
        row = await queries.run(pool, run_id=task.run_id, seconds=runs.LOST_SECONDS)
        wanted = Wanted.model_validate_json(row["wanted"])
        if wanted.act == "compile":
            await _compile(pool, task.run_id, wanted, row["asked_by"])
        else:
            await _publish(pool, task.run_id, wanted, row["asked_by"])


async def _compile(pool: Pool, run_id: int, wanted: Wanted, by: str) -> None:
    _tell("counts")
    shown, period = scheme(wanted.scheme), Period(wanted.first, wanted.last)
    async with pool.acquire() as connection:
        today = datetime.now(_SHANGHAI).date()
        draft = await draft_for(connection, shown.id, shown.family, period, today)
    draft = draft.counting(outbound=wanted.outbound)
    gathered = await gather(pool, shown, period)
    bulletin = compiled(gathered, shown, draft)
    files = _made(bulletin)
    result = {
        standing.value: [unit.name for unit in gathered.figures.standing_units(standing)]
        for standing in (Standing.MISSING, Standing.PARTIAL)
    }
    _tell("keep")
    async with pool.acquire() as connection, connection.transaction():
        number = await keep_compiled(connection, bulletin, draft, by=by, files=files)
        await runs.keep(connection, run_id, {"bulletin_id": number, **result})


async def _publish(pool: Pool, run_id: int, wanted: Wanted, by: str) -> None:
    _tell("counts")
    number = wanted.bulletin_id or 0
    async with pool.acquire() as connection, connection.transaction():
        reviewed = await may_publish(connection, number, by=by)
    files = _made(final(reviewed))
    _tell("keep")
    async with pool.acquire() as connection, connection.transaction():
        await publish(connection, number, reviewed, files, by=by)
        await runs.keep(connection, run_id, {"bulletin_id": number})


def _made(bulletin: Bulletin) -> dict[str, bytes]:
    return render_files(bulletin, told=lambda form, _position, _forms: _tell(form))


def _tell(doing: str) -> None:
    _say(runs.Step(step=STEPS.index(doing) + 1, steps=len(STEPS), doing=doing))


def _say(told: runs.Step | runs.Failure) -> None:
    sys.stdout.write(told.model_dump_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
