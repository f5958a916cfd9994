"""Takes calls through the ledger, step by step and without its process."""

from __future__ import annotations

from ivr.config import Settings
from ivr.database import Pool
from ivr.folding import Folding
from ivr.intake import Intake
from tests.ivr import cel


def append(settings: Settings, *calls: cel.Journal, name: str = "cel.jsonl") -> None:
    """Asterisk writes the calls' lines."""
    with (settings.spool.directory / name).open("a", encoding="utf-8") as journal:
        journal.writelines(call.text() for call in calls)


async def settle(pool: Pool, settings: Settings) -> None:
    """The ledger takes in what there is and folds what is due."""
    intake, folding = Intake(pool, settings), Folding(pool, settings.database)
    while await intake.step():
        pass
    while await folding.step():
        pass


async def took(pool: Pool, settings: Settings, *calls: cel.Journal) -> None:
    """The calls are written and recorded."""
    append(settings, *calls)
    await settle(pool, settings)
