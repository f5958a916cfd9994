"""The written part of an issue: what a new one begins with, and saving it beside others.

Two who write at once do not overwrite each other: whoever saves names the version that he began
with, and is refused when another has saved meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any, Final

from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial, WrittenColumn, parse_editorial
from agents.reports.proofreading import misprints
from agents.reports.recovery import recovered
from agents.reports.render.archive import from_json
from agents.reports.scheme import Form, Scheme
from agents.reports.tally import Period
from agents.statistics import issues
from agents.statistics.issues import Draft, IssueRefused, IssueState
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
    session: Session, shown: Scheme, period: Period, today: date, *, to_keep: bool = True
) -> Draft:
    """Return the written part that an issue of some months is compiled with.

    That of the issue in work. A restated month begins with what was published of it; a new month
    with the head, the foot and the columns of the newest issue, the next numbers and no article.

    Args:
        session: a connection.
        shown: the scheme.
        period: the months.
        today: the day on the head of a new issue.
        to_keep: whether what is compiled is to replace the issue in work.

    Raises:
        IssueRefused: the issue in work is in review, and would be replaced.
    """
    key = {"scheme": shown.id, "first": period.first, "last": period.last}
    found = await queries.issue_in_work(session, **key)
    if found is not None:
        if to_keep and found["state"] != IssueState.DRAFT:
            raise IssueRefused("in_review", "The issue of these months is in review.")
        editorial = editorial_of(found, today)
        return Draft(editorial, found["outbound"], found["bulletin_id"], found["version"])
    newest = await queries.newest_issue(session, **key)
    if newest is None:
        return Draft(plain_editorial(1, today, shown.family))
    before = editorial_of(newest, today)
    return Draft(before if newest["same_months"] else following(before, today, shown.form))


def editorial_of(found: Mapping[str, Any], today: date) -> Editorial:
    """Return the written part of an issue's row; of one from before it was kept, by its document.

    Args:
        found: the row.
        today: the day of an old issue whose document tells none.
    """
    if found["editorial"] is None:
        return recovered(from_json(found["document"]), found["issue"], today)
    return parse_editorial(json.loads(found["editorial"]))


def following(before: Editorial, today: date, form: Form) -> Editorial:
    """Return what the issue after another begins with.

    Args:
        before: the written part of the issue before it.
        today: the day on its head.
        form: says whether its number begins with 1 in a new year; the total number goes on.
    """
    columns = tuple(
        WrittenColumn(name=column.name, statistics=column.statistics) for column in before.column
    )
    is_first = form.begins_anew and today.year > before.dated.year
    numbers = {
        "issue": 1 if is_first else before.issue + 1,
        "total_issue": before.total_issue + 1,
    }
    return before.model_copy(update={**numbers, "dated": today, "column": columns})


def with_text(draft: Draft, text: Editorial, over: int | None) -> Draft:
    """Return a draft with another text, which is saved when it is kept.

    Args:
        draft: as it is kept.
        text: what is to be in its place.
        over: the version that it is to replace; None when nothing may be replaced.

    Raises:
        IssueRefused: the issue in work has another text, in another version than was named.
    """
    if draft.bulletin_id is None or draft.editorial == text:
        return replace(draft, editorial=text)
    if draft.version != over:
        raise IssueRefused(
            "text_kept",
            f"Issue {draft.bulletin_id} has a text of its own, version {draft.version}. Leave the "
            f"file out to compile with it, or name that version to replace it.",
        )
    return replace(draft, editorial=text, is_rewritten=True)


async def keep(
    session: Session, bulletin: Bulletin, draft: Draft, *, by: str, files: Mapping[str, bytes]
) -> int:
    """Keep a compiled issue, and its text if that is another now; call it in a transaction.

    Returns:
        Its number in the books.

    Raises:
        IssueRefused: as `issues.keep` and `write` say.
    """
    if draft.is_rewritten and draft.bulletin_id is not None:
        version = await write(session, draft.bulletin_id, draft.version, draft.editorial, by=by)
        draft = replace(draft, version=version, is_rewritten=False)
    return await issues.keep(session, bulletin, draft, by=by, files=files)


def proofread(editorial: Editorial) -> None:
    """Refuse what cannot be printed.

    Raises:
        IssueRefused: naming each character or number, and where it stands.
    """
    if found := misprints(editorial):
        told = ", ".join(f"{one.path} {one.at or ''} {one.what}" for one in found)
        raise IssueRefused(
            "misprinted",
            f"Expected text that can be printed, came {told}.",
            {"misprints": [asdict(one) for one in found]},
        )


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
        IssueRefused: there is no such issue or version, it is no draft, its text cannot be printed,
            or another has saved meanwhile: then the refusal names who, and when.
        DefinitionInvalid: the statistics have no place in it, or two.
    """
    editorial.columns(())
    proofread(editorial)
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
    if version > found["version"]:
        raise IssueRefused("no_version", f"Issue {bulletin_id} has no version {version}.")
    raise IssueRefused(
        "written_by_another",
        f"{found['changed_by']} has saved version {found['version']} meanwhile.",
        {"by": found["changed_by"], "at": found["changed_at"], "version": found["version"]},
    )
