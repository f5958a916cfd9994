"""The written part of an issue: what a new one begins with, and saving it beside others.

Two who write at once do not overwrite each other: whoever saves names the version that he began
with, and is refused when another has saved meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from agents.database import queries
from agents.reports.editorial import Editorial, WrittenColumn, parse_editorial
from agents.reports.tally import Period
from agents.statistics.issues import Draft, IssueRefused
from ivr.database import Session

MOST_SHOWN: Final = 200

_COLUMNS: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "national": ({"name": "工作进展"}, {"statistics": True}, {"name": "工作交流"}),
    "province": ({"statistics": True}, {"name": "各市动态"}),
}
"""The fixed columns of the two printed bulletins."""


def plain_editorial(issue: int, dated: date, family: str = "") -> Editorial:
    """Return the written part of an issue of which nothing is written yet.

    Args:
        issue: its number.
        dated: the day on its head.
        family: of the scheme, whose fixed columns it gets; without one only the statistics.
    """
    columns = _COLUMNS.get(family, ({"statistics": True},))
    return parse_editorial(
        {
            "title": "12320工作简报",
            "issue": issue,
            "total_issue": issue,
            "dated": dated,
            "publishers": ["12320管理中心"],
            "column": list(columns),
        }
    )


async def draft_for(
    session: Session, scheme_id: str, family: str, period: Period, today: date
) -> Draft:
    """Return the written part that an issue of some months is compiled with.

    That of the issue in work. A restated month begins with what was published of it; a new month
    with the head, the foot and the columns of the newest issue, the next numbers and no article.

    Raises:
        IssueRefused: the issue in work is in review.
    """
    key = {"scheme": scheme_id, "first": period.first, "last": period.last}
    found = await queries.issue_in_work(session, **key)
    if found is not None:
        if found["state"] != "draft":
            raise IssueRefused("in_review", "The issue of these months is in review.")
        editorial = editorial_of(found, today, family)
        return Draft(editorial, found["outbound"], found["bulletin_id"], found["version"])
    newest = await queries.newest_issue(session, **key)
    if newest is None:
        return Draft(plain_editorial(1, today, family))
    before = parse_editorial(json.loads(newest["editorial"]))
    return Draft(before if newest["same_months"] else _following(before, today))


def editorial_of(found: Mapping[str, Any], today: date, family: str) -> Editorial:
    """Return the written part of an issue's row; one from before it was kept has a plain one."""
    if found["editorial"] is None:
        return plain_editorial(found["issue"], today, family)
    return parse_editorial(json.loads(found["editorial"]))


def _following(before: Editorial, today: date) -> Editorial:
    columns = tuple(
        WrittenColumn(name=column.name, statistics=column.statistics) for column in before.column
    )
    numbers = {"issue": before.issue + 1, "total_issue": before.total_issue + 1}
    return before.model_copy(update={**numbers, "dated": today, "column": columns})


async def write(
    session: Session, bulletin_id: int, version: int, editorial: Editorial, *, by: str
) -> int:
    """Save the written part of a draft; call it in a transaction.

    Args:
        session: in a transaction.
        bulletin_id: of the draft.
        version: that the writer began with.
        editorial: all of it.
        by: who writes.

    Returns:
        The version that it is now.

    Raises:
        IssueRefused: there is no such issue, it is no draft, or another has saved meanwhile: then
            the refusal names who, and when.
        DefinitionInvalid: the statistics have no place in it, or two.
    """
    editorial.columns(())
    saved = await queries.write_issue(
        session,
        bulletin_id=bulletin_id,
        version=version,
        issue=editorial.issue,
        editorial=editorial.model_dump_json(),
        changed_by=by,
    )
    if saved is not None:
        return int(saved["version"])
    found = await queries.issue(session, bulletin_id=bulletin_id)
    if found is None:
        raise IssueRefused("unknown", f"No issue {bulletin_id}.")
    if found["state"] != "draft":
        raise IssueRefused("wrong_state", f"Issue {bulletin_id} is in state {found['state']}.")
    raise IssueRefused(
        "written_by_another",
        f"{found['changed_by']} has saved version {found['version']} meanwhile.",
        {"by": found["changed_by"], "at": found["changed_at"], "version": found["version"]},
    )
