"""What the desk asks and is told of the bulletin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents.reports.editorial import Editorial
from agents.statistics import issue_runs
from agents.web.bulletin_words import why

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"

_MOST: Final = 2**63 - 1


def _countable(number: int) -> int:
    return min(number, _MOST)


Number = Annotated[int, Field(ge=1), AfterValidator(_countable)]
"""Names something; a number beyond what the database counts to names nothing there is."""
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
MonthText = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


class BulletinForm(StrEnum):
    """What a bulletin can be taken out as."""

    DOCX = "docx"
    PDF = "pdf"
    XLSX = "xlsx"
    HTML = "html"
    JSON = "json"


MEDIA_TYPES: Final[Mapping[BulletinForm, str]] = {
    BulletinForm.DOCX: f"{_OFFICE}.wordprocessingml.document",
    BulletinForm.PDF: "application/pdf",
    BulletinForm.XLSX: f"{_OFFICE}.spreadsheetml.sheet",
    BulletinForm.HTML: "text/html",
    BulletinForm.JSON: "application/json",
}


class BulletinRun(BaseModel):
    """A compilation or publication, and how far it is."""

    run_id: int
    act: Literal["compile", "publish", "draw"]
    scheme: str
    first: str
    last: str
    state: Literal["waiting", "running", "done", "failed", "cancelled", "lost"]
    step: int
    steps: int
    doing: str = Field(description="counts, a format, or keep")
    why: str = Field(description="Chinese, for people; empty unless it came to nothing")
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    bulletin_id: int | None
    missing: list[str] = Field(description="Units that had not reported")
    partial: list[str] = Field(description="Units that had sent a total only")


class BulletinRow(BaseModel):
    """An issue of the bulletin."""

    bulletin_id: int
    scheme: str
    first: str
    last: str
    edition: int = Field(description="The how-manieth of the same months: 2 after a restatement")
    issue: int
    state: Literal["draft", "review", "published"]
    watermark: str
    compiled: bool = Field(description="The document holds the newest text")
    changed_by: str = Field(description="In review: who sent it there, and cannot publish it")
    changed_at: datetime
    published_at: datetime | None
    return_reason: str


class Bulletins(BaseModel):
    """All issues, what can be compiled, and the newest runs."""

    schemes: list[str]
    bulletins: list[BulletinRow]
    runs: list[BulletinRun]


class BulletinShown(BaseModel):
    """An issue with its written part."""

    bulletin: BulletinRow
    version: int = Field(description="Of the written part")
    outbound: bool
    editorial: Editorial
    forms: list[BulletinForm]
    page: str = Field(description="Another one when the page to look at is another; empty: none")
    counts_changed: bool = Field(description="Today's counts of its months are others")


class Compilation(BaseModel):
    """What to compile."""

    model_config = ConfigDict(extra="forbid")

    scheme: Key
    first: MonthText
    last: MonthText
    outbound: bool = False


class BulletinText(BaseModel):
    """The written part, and the version that its writer began with."""

    model_config = ConfigDict(extra="forbid")

    version: Number
    editorial: Editorial


class BulletinVersion(BaseModel):
    """The version that the written part is now."""

    version: int


class BulletinRemark(BaseModel):
    """Why an issue is sent back."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


def run_of(row: Mapping[str, Any]) -> BulletinRun:
    """Tell a run's row."""
    wanted = issue_runs.Wanted.model_validate_json(row["wanted"])
    result: dict[str, Any] = json.loads(row["result"])
    return BulletinRun(
        **{key: row[key] for key in ("run_id", "state", "step", "steps", "doing")},
        **{key: row[key] for key in ("asked_by", "asked_at", "ended_at")},
        act=wanted.act,
        scheme=wanted.scheme,
        first=f"{wanted.first:%Y-%m}",
        last=f"{wanted.last:%Y-%m}",
        why=why(row["state"], row["why"], result),
        bulletin_id=result.get("bulletin_id", wanted.bulletin_id),
        missing=result.get("missing", []),
        partial=result.get("partial", []),
    )


def row_of(found: Mapping[str, Any]) -> BulletinRow:
    """Tell an issue's row."""
    same = ("bulletin_id", "scheme", "edition", "issue", "state", "watermark")
    more = ("changed_by", "changed_at", "published_at", "return_reason")
    return BulletinRow(
        **{key: found[key] for key in (*same, *more)},
        first=f"{found['first_month']:%Y-%m}",
        last=f"{found['last_month']:%Y-%m}",
        compiled=found["version"] == found["compiled_version"],
    )
