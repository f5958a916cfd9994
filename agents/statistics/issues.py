"""Issues of the bulletin: kept as draft, reviewed, published, frozen.

A published issue is the document as it was; restating a month later changes the counts and the
next compilation, never what was published. Its watermark says which counts it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import structlog

from agents import audit
from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial
from agents.reports.render.archive import from_json, to_json
from ivr.database import Session
from ivr.errors import HotlineError

log = structlog.get_logger()

DRAFT_MARK: Final = "草稿 "
"""Before the watermark of what is not published."""


class IssueState(StrEnum):
    """Where an issue is on its way."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"


_NEXT: Final[Mapping[IssueState, IssueState]] = {
    IssueState.DRAFT: IssueState.REVIEW,
    IssueState.REVIEW: IssueState.PUBLISHED,
}


class IssueRefused(HotlineError):
    """The issue cannot take this step."""

    def __init__(self, code: str, detail: str, named: Mapping[str, Any] | None = None) -> None:
        """Say why: a stable code for programs, a sentence for people, and what it names."""
        super().__init__(detail)
        self.code = code
        self.named = named or {}


@dataclass(frozen=True, slots=True)
class Draft:
    """The written part that an issue is compiled with."""

    editorial: Editorial
    outbound: bool = False
    """Whether outbound work is a service type of its own."""
    bulletin_id: int | None = None
    """Of the issue in work; None while there is none."""
    version: int = 1
    is_rewritten: bool = False
    """Whether the text is not that version, but to be saved as the next one."""

    def counting(self, *, outbound: bool) -> Draft:
        """Return the same with outbound work as a service of its own, or not."""
        return replace(self, outbound=outbound)


async def keep(
    session: Session, bulletin: Bulletin, draft: Draft, *, by: str, files: Mapping[str, bytes]
) -> int:
    """Keep a compiled issue with its files as the draft of its months; call it in a transaction.

    What was written while it was compiled stays; the document says with which version it was
    compiled.

    Returns:
        Its number in the books.

    Raises:
        IssueRefused: the draft is no longer one, or another one was begun.
    """
    found = await queries.lock_issue_in_work(session, **_months_of(bulletin))
    if found != draft.bulletin_id:
        raise IssueRefused("changed_meanwhile", "It was sent on or begun by another meanwhile.")
    if draft.bulletin_id is None:
        number = await _begin(session, bulletin, draft, by)
    else:
        number = await _compile_anew(session, bulletin, draft, draft.bulletin_id)
    await _keep_files(session, number, files)
    return number


async def _begin(session: Session, bulletin: Bulletin, draft: Draft, by: str) -> int:
    begun = await queries.store_issue(
        session,
        **_months_of(bulletin),
        issue=draft.editorial.issue,
        document=to_json(bulletin),
        watermark=bulletin.watermark,
        editorial=draft.editorial.model_dump_json(),
        outbound=draft.outbound,
        changed_by=by,
    )
    if begun is None:
        raise IssueRefused("changed_meanwhile", "It was begun by another meanwhile.")
    return int(begun["bulletin_id"])


async def _compile_anew(session: Session, bulletin: Bulletin, draft: Draft, number: int) -> int:
    found = await _issue(session, number)
    if found["state"] != IssueState.DRAFT:
        raise IssueRefused("changed_meanwhile", f"Issue {number} was sent on meanwhile.")
    await queries.keep_compiled(
        session,
        bulletin_id=number,
        version=draft.version,
        outbound=draft.outbound,
        document=to_json(bulletin),
        watermark=bulletin.watermark,
        # Of an issue from before its text was kept, the text is kept from now on.
        editorial=draft.editorial.model_dump_json(),
    )
    return number


def _months_of(bulletin: Bulletin) -> dict[str, object]:
    return {
        "scheme": bulletin.scheme,
        "first": bulletin.first_month,
        "last": bulletin.last_month,
    }


async def _keep_files(session: Session, bulletin_id: int, files: Mapping[str, bytes]) -> None:
    await queries.drop_issue_files(session, bulletin_id=bulletin_id)
    for form, content in files.items():
        await queries.keep_issue_file(session, bulletin_id=bulletin_id, form=form, content=content)


async def send_to_review(session: Session, bulletin_id: int, *, by: str) -> None:
    """Send a draft to review; call it in a transaction.

    Raises:
        IssueRefused: there is no such draft, or its text was changed after it was compiled.
    """
    found = await locked(session, bulletin_id)
    refuse_step(found, IssueState.REVIEW, by=by)
    await _move(session, bulletin_id, IssueState.REVIEW, by)
    await audit.note(session, by, "bulletin.reviewed", f"bulletin:{bulletin_id}")


async def may_publish(session: Session, bulletin_id: int, *, by: str) -> Bulletin:
    """Return a reviewed issue that somebody may publish, as it is in review.

    Whoever publishes is not the one who sent it to review.

    Raises:
        IssueRefused: it is not in review, or by the one who would publish it.
    """
    found = await locked(session, bulletin_id)
    refuse_step(found, IssueState.PUBLISHED, by=by)
    return from_json(found["document"])


async def publish(
    session: Session,
    bulletin_id: int,
    reviewed: Bulletin,
    files: Mapping[str, bytes],
    *,
    by: str,
) -> Bulletin:
    """Publish a reviewed issue with its files; call it in a transaction.

    Args:
        session: in a transaction.
        bulletin_id: of the issue.
        reviewed: as it was when the files were made of its `final` form.
        files: by format; frozen with it.
        by: who publishes it.

    Raises:
        IssueRefused: as `may_publish` says, or it is not what it was any more.
    """
    if await may_publish(session, bulletin_id, by=by) != reviewed:
        raise IssueRefused("changed_meanwhile", f"Issue {bulletin_id} was compiled anew meanwhile.")
    bulletin = final(reviewed)
    await _keep_files(session, bulletin_id, files)
    await queries.replace_issue_document(
        session,
        bulletin_id=bulletin_id,
        document=to_json(bulletin),
        watermark=bulletin.watermark,
    )
    await _move(session, bulletin_id, IssueState.PUBLISHED, by)
    await audit.note(
        session,
        by,
        "bulletin.published",
        f"bulletin:{bulletin_id}",
        scheme=bulletin.scheme,
        watermark=bulletin.watermark,
    )
    return bulletin


async def _move(session: Session, bulletin_id: int, to: IssueState, by: str) -> None:
    await queries.set_issue_state(session, bulletin_id=bulletin_id, state=to.value, changed_by=by)
    log.info("bulletin.moved", bulletin_id=bulletin_id, state=to.value, by=by)


def refuse_step(found: Mapping[str, Any], to: IssueState, *, by: str) -> None:
    """Judge whether somebody may take an issue's next step.

    Args:
        found: the issue's row.
        to: where it is to go.
        by: who would send it there.

    Raises:
        IssueRefused: the step is not the next one, the same person would take both, or the
            written part was changed after the document was compiled.
    """
    number, state = found["bulletin_id"], IssueState(found["state"])
    if _NEXT.get(state) is not to:
        raise IssueRefused(
            "wrong_state", f"Issue {number} is in state {state}; it cannot become {to}."
        )
    if found["compiled_version"] != found["version"]:
        raise IssueRefused(
            "not_compiled", f"The text of issue {number} was changed; compile it again."
        )
    if to is IssueState.PUBLISHED and found["changed_by"] == by:
        raise IssueRefused(
            "same_person", f"{by} sent issue {number} to review; another must publish it."
        )


async def send_back(session: Session, bulletin_id: int, *, by: str, reason: str) -> None:
    """Send a reviewed issue back to its writers; call it in a transaction.

    Raises:
        IssueRefused: it is not in review.
    """
    found = await locked(session, bulletin_id)
    if found["state"] != IssueState.REVIEW:
        raise IssueRefused(
            "wrong_state", f"Issue {bulletin_id} is in state {found['state']}, not in review."
        )
    await queries.return_issue(session, bulletin_id=bulletin_id, reason=reason, changed_by=by)
    log.info("bulletin.moved", bulletin_id=bulletin_id, state=IssueState.DRAFT.value, by=by)
    await audit.note(session, by, "bulletin.returned", f"bulletin:{bulletin_id}")


def final(bulletin: Bulletin) -> Bulletin:
    """Return an issue as it is published: the word draft taken out of its watermark."""
    return replace(bulletin, watermark=bulletin.watermark.removeprefix(DRAFT_MARK))


async def kept_issue(session: Session, bulletin_id: int) -> Bulletin:
    """Return an issue as it was kept, whatever the counts say today.

    Raises:
        IssueRefused: there is no such issue.
    """
    return from_json((await _issue(session, bulletin_id))["document"])


async def state_of(session: Session, bulletin_id: int) -> IssueState:
    """Tell where an issue is on its way.

    Raises:
        IssueRefused: there is no such issue.
    """
    return IssueState((await _issue(session, bulletin_id))["state"])


async def kept_files(session: Session, bulletin_id: int) -> dict[str, bytes]:
    """Return an issue's files as they are kept, by format; none before it has any.

    Raises:
        IssueRefused: there is no such issue.
    """
    await _issue(session, bulletin_id)
    rows = queries.issue_files(session, bulletin_id=bulletin_id)
    return {row["form"]: row["content"] async for row in rows}


async def add_files(session: Session, bulletin_id: int, files: Mapping[str, bytes]) -> None:
    """Keep the files of an issue that has none, such as one from before files were kept.

    Raises:
        IssueRefused: it has files.
    """
    await drawable(session, bulletin_id)
    for form, content in files.items():
        await queries.keep_issue_file(session, bulletin_id=bulletin_id, form=form, content=content)


async def drawable(session: Session, bulletin_id: int) -> Mapping[str, Any]:
    """Return the row of an issue that has no files; call it in a transaction.

    Raises:
        IssueRefused: there is no such issue, or it has files.
    """
    found = await locked(session, bulletin_id)
    if [row async for row in queries.issue_forms(session, bulletin_id=bulletin_id)]:
        raise IssueRefused("has_files", f"Issue {bulletin_id} has its files.")
    return found


async def locked(session: Session, bulletin_id: int) -> Mapping[str, Any]:
    """Return an issue's row, and hold off others who would change it; call it in a transaction.

    Raises:
        IssueRefused: there is no such issue.
    """
    await queries.lock_issue(session, bulletin_id=bulletin_id)
    return await _issue(session, bulletin_id)


async def _issue(session: Session, bulletin_id: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = await queries.issue(session, bulletin_id=bulletin_id)
    if found is None:
        raise IssueRefused("unknown", f"No issue {bulletin_id}.")
    return found
