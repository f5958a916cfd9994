"""One time that a scheduled report is due, as a server holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.reports.periods import Relative
from agents.reports.saved import Wish
from agents.roles import Permission, Role, may


@dataclass(frozen=True, slots=True)
class Run:
    """One time that a report is due, while this server holds it."""

    run_id: int
    holder: str
    due_at: datetime
    tries: int
    owner: str
    is_active: bool
    """Whether the owner still works here."""
    role: str
    saved_id: int
    form: Any
    short_text: bool
    kept: Mapping[str, Any]
    """What is to be reported, as it is kept."""

    @property
    def is_allowed(self) -> bool:
        """Whether the owner may have reports mailed."""
        return self.is_active and may(Role(self.role), Permission.REPORTS_MAIL)

    @property
    def wish(self) -> Wish:
        """What is to be reported.

        Raises:
            ValueError: it was kept by a version that knew other spans.
        """
        told = {key: self.kept[key] for key in ("name", "report", "queue", "agent", "unit")}
        return Wish(**told, period=Relative(self.kept["period"]))


def read_run(row: Mapping[str, Any], holder: str) -> Run:
    """Read a run as the query `take_run` gives it; what is to be reported is read later."""
    return Run(
        run_id=row["run_id"],
        holder=holder,
        due_at=row["due_at"],
        tries=row["tries"],
        owner=row["owner"],
        is_active=row["active"],
        role=row["role"],
        saved_id=row["saved_id"],
        form=row["form"],
        short_text=row["short_text"],
        kept=row,
    )
