"""A run of a scheduled report as letters: a short text, a table beside it, and no caller's number.

Reports hold figures and no caller. What people have typed, the name of a report, may hold a number
all the same, and it goes out of the house: every run of digits as long as a telephone number is
masked here, wherever it stands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlencode

from agents.mail import Attachment, Letter
from agents.reports.catalogue import FILTERS, Filters, Report
from agents.reports.export import to_csv, to_sheet
from agents.reports.periods import name_of
from agents.reports.sms import FULL, MainFigures, text_message
from ivr.log import mask_number

Form = Literal["none", "csv", "xlsx"]

_APART: Final = r"[ \t.·‐‑‒–—－・()（）-]"
_NUMBER: Final = re.compile(
    r"(?P<day>(?<!\d)(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])(?:[-./](?:0?[1-9]|[12]\d|3[01]))?(?!\d))"
    r"|(?P<edition>(?<!\d)12320[ -]\d{4}(?!\d))"
    rf"|(?:[+＋]\d{{1,3}}{_APART}{{0,2}})?[(（]?\d{{3,}}(?:{_APART}{{1,3}}\d{{2,}})*"
)
"""Groups of digits as people write telephone numbers; first what looks like one and is none."""
_SHORTEST: Final = 7
_RUN: Final = re.compile(r"\+?\d{7,}")
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TAG: Final = 12


def masked(text: str) -> str:
    """Mask every telephone number that somebody has typed, also in groups, also in wide digits."""
    return _NUMBER.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    typed = found.group()
    digits = unicodedata.normalize("NFKC", typed)
    if found["day"] or found["edition"] or sum(map(str.isdigit, digits)) < _SHORTEST:
        return typed
    return mask_number(digits)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run is to tell, to everybody the same."""

    run_id: int
    name: str
    """As the owner calls the report."""
    report: str
    filters: Filters
    form: Form
    address: str
    """Where the desk is opened in a browser; empty: nobody has said."""
    saved_id: int

    @property
    def link(self) -> str:
        """Where the same figures are opened by whoever may see reports, whosever the report is."""
        days = {"report": self.report, "first": self.filters.first, "last": self.filters.last}
        narrowed = {key: getattr(self.filters, key) for key in FILTERS}
        if any(masked(only) != only for only in narrowed.values()):
            return f"{self.address}/#/reports?saved={self.saved_id}"
        told = {**days, **{key: only for key, only in narrowed.items() if only}}
        return f"{self.address}/#/reports?{urlencode(told)}"

    @property
    def file(self) -> str:
        """The name of the attached file."""
        return f"{self.report}-{self.filters.first}-{self.filters.last}.{self.form}"


def write_letters(
    told: Told, report: Report, figures: MainFigures | None, recipients: Sequence[str]
) -> list[Letter]:
    """Write the letters of a run, one for each address.

    Args:
        told: what is told.
        report: as it was run.
        figures: for the short text; None leaves it out.
        recipients: who is still to have it.
    """
    table = _without_numbers(report)
    span = name_of(told.filters.first, told.filters.last)
    lines = [f"{table.title}（{table.about}）", ""]
    if figures is not None:
        narrowed = [(word, masked(only)) for word, only in told.filters.narrowed]
        lines += [text_message(span, figures, FULL, narrowed).text, ""]
    attachments = []
    if told.form != "none":
        attachments.append(_attached(told.form, told.file, table))
        lines += [f"附件：{told.file}（{len(table.rows)} 行）", ""]
    if told.address:
        lines += [f"在系统中打开：{told.link}", ""]
    lines.append("本邮件由12320卫生热线统计系统自动发送，请勿回复。")
    subject = f"{masked(told.name)}（{span}）"
    return [
        Letter(_id(told.run_id, one), one, subject, "\n".join(lines) + "\n", attachments)
        for one in recipients
    ]


def _id(run_id: int, recipient: str) -> str:
    return f"report.{run_id}.{hashlib.sha256(recipient.encode()).hexdigest()[:_TAG]}"


def _attached(form: Form, name: str, report: Report) -> Attachment:
    if form == "csv":
        return Attachment(name, "text/csv", to_csv(report).encode())
    return Attachment(name, _SHEET, to_sheet(report))


def _without_numbers(report: Report) -> Report:
    rows = tuple(
        tuple(
            _RUN.sub(lambda found: mask_number(unicodedata.normalize("NFKC", found.group())), cell)
            if isinstance(cell, str)
            else cell
            for cell in row
        )
        for row in report.rows
    )
    return replace(report, rows=rows, scope=masked(report.scope))
