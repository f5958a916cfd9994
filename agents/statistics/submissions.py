"""A unit's month as it is sent in: the value, its checks, its signature. No database here.

One layout serves CSV and XLSX, so a fault names the same cell in both:

    A1 单位        B1 unit id            A8 编码  B8 类别  C8 当场办结  D8 转办  E8 在办
    A2 月份        B2 2016-10            A9 …     one row per category, empty cells are zero
    A3 分类版本    B3 12320-2016
    A4 数据        B4 完整 or 仅总数
    A5 受理总量    B5 the sum; never empty, because an empty month is not a month of zeros
    A6 说明        B6 why only a total, in the words of the bulletin
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agents.reports.proofreading import UNPRINTABLE
from agents.reports.tally import Settlement, Standing
from ivr.categories.taxonomy import Taxonomy
from ivr.errors import HotlineError

FORMAT: Final = 1
STANDINGS: Final = {"完整": Standing.COMPLETE, "仅总数": Standing.PARTIAL}
SETTLEMENTS: Final = (Settlement.ON_THE_SPOT, Settlement.TRANSFERRED, Settlement.OPEN)
LABELS: Final = ("单位", "月份", "分类版本", "数据", "受理总量", "说明")
COLUMNS: Final = ("编码", "类别", "当场办结", "转办", "在办")
FIRST_ROW: Final = 9
_MONTH: Final = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])")
_COUNT: Final = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    cell: str
    """As a spreadsheet names it: B5, C17; for JSON the path of the key."""
    expected: str
    came: str

    def __str__(self) -> str:
        """Say it in one sentence."""
        return f"{self.cell}: expected {self.expected}, came {self.came!r}."


class SubmissionRefused(HotlineError):
    """The submission cannot be taken."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults for whoever shows them beside the cells."""
        super().__init__(" ".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """件次 filed under a category and settled in one way."""

    code: str
    settlement: str
    count: int


@dataclass(frozen=True, slots=True)
class Submission:
    """One unit's month."""

    unit: str
    month: date
    scheme: str
    standing: Standing
    total: int
    reason: str
    lines: tuple[Line, ...]

    def document(self) -> str:
        """Return the one way to write it down; what is signed and compared."""
        data = {
            "format": FORMAT,
            "unit": self.unit,
            "month": f"{self.month:%Y-%m}",
            "scheme": self.scheme,
            "standing": self.standing.value,
            "total": self.total,
            "reason": self.reason,
            "lines": [[line.code, line.settlement, line.count] for line in sorted(self.lines)],
        }
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def digest(self) -> bytes:
        """Return the SHA-256 of the document."""
        return hashlib.sha256(self.document().encode()).digest()


def sign(submission: Submission, private_key: bytes) -> bytes:
    """Sign a submission with the unit's Ed25519 key (32 bytes)."""
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return key.sign(submission.document().encode())


def check_signature(submission: Submission, signature: bytes | None, public_key: bytes) -> None:
    """Hold a submission to its unit's key.

    Raises:
        SubmissionRefused: there is no signature, or it is not the unit's for this content.
    """
    if signature is None:
        raise SubmissionRefused([Fault("signature", "the unit's signature", "none")])
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(signature, submission.document().encode())
    except InvalidSignature:
        fault = Fault("signature", f"the signature of {submission.unit}", "another one")
        raise SubmissionRefused([fault]) from None


class Reader:
    """Reads submissions against what is known: the units and the taxonomy editions."""

    def __init__(self, units: Collection[str], taxonomies: Iterable[Taxonomy]) -> None:
        """Take the ids of the units that may report and the editions they may report in."""
        self._units = frozenset(units)
        self._taxonomies = {taxonomy.id: taxonomy for taxonomy in taxonomies}
        self._faults: list[Fault] = []

    def from_csv(self, text: str) -> Submission:
        """Read the layout from CSV.

        Raises:
            SubmissionRefused: with every fault and its cell.
        """
        try:
            rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        except csv.Error:
            raise SubmissionRefused([Fault("file", "rows of text", "something else")]) from None
        return self.from_grid(rows)

    def from_grid(self, grid: Sequence[Sequence[str]]) -> Submission:
        """Read the layout from rows of cells.

        Raises:
            SubmissionRefused: with every fault and its cell.
        """
        self._faults = []
        cells = {
            f"{chr(ord('A') + column)}{row}": text.strip()
            for row, texts in enumerate(grid, start=1)
            for column, text in enumerate(texts[: len(COLUMNS)])
        }
        for row, label in enumerate(LABELS, start=1):
            self._expect(f"A{row}", cells.get(f"A{row}", ""), {label})
        for column, name in zip("ABCDE", COLUMNS, strict=True):
            self._expect(f"{column}8", cells.get(f"{column}8", ""), {name})
        head = {name: cells.get(f"B{row}", "") for row, name in enumerate(LABELS, start=1)}
        self._expect("B4", head["数据"], set(STANDINGS))
        standing = STANDINGS.get(head["数据"], Standing.COMPLETE)
        scheme = head["分类版本"]
        lines = list(self._grid_lines(cells, len(grid), scheme))
        places = {"unit": "B1", "month": "B2", "scheme": "B3", "total": "B5", "reason": "B6"}
        return self._checked(
            (head["单位"], head["月份"], scheme, standing, head["受理总量"], head["说明"]),
            lines,
            places,
        )

    def from_json(self, text: str) -> Submission:
        """Read the document form.

        Raises:
            SubmissionRefused: with every fault and the path of its key.
        """
        self._faults = []
        try:
            data = json.loads(text)
            head = [str(data[key]) for key in ("unit", "month", "scheme")]
            standing = Standing(data["standing"])
            rows = [(str(code), str(how), str(n)) for code, how, n in data["lines"]]
            total, reason = str(data["total"]), str(data["reason"])
            if data["format"] != FORMAT or standing is Standing.MISSING:
                raise ValueError(data["format"])  # noqa: TRY301 - one refusal for all shapes
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SubmissionRefused([Fault("$", "a submission as JSON", repr(error))]) from None
        lines = []
        for number, (code, how, n) in enumerate(rows):
            self._expect(f"lines[{number}][1]", how, {s.value for s in SETTLEMENTS})
            self._code(f"lines[{number}][0]", code, head[2])
            lines.append(Line(code, how, self._number(f"lines[{number}][2]", n)))
        places = {key: key for key in ("unit", "month", "scheme", "total", "reason")}
        return self._checked((*head, standing, total, reason), lines, places)

    def _grid_lines(self, cells: dict[str, str], rows: int, scheme: str) -> Iterator[Line]:
        for row in range(FIRST_ROW, rows + 1):
            code = cells.get(f"A{row}", "")
            counts = [cells.get(f"{column}{row}", "") for column in "CDE"]
            if not code and not any(counts):
                continue
            self._code(f"A{row}", code, scheme)
            for column, how, text in zip("CDE", SETTLEMENTS, counts, strict=True):
                count = self._number(f"{column}{row}", text) if text else 0
                if count:
                    yield Line(code, how.value, count)

    def _checked(
        self,
        head: tuple[Any, ...],
        lines: Sequence[Line],
        places: dict[str, str],
    ) -> Submission:
        unit, month_text, scheme, standing, total_text, reason = head
        if unit not in self._units:
            self._fault(places["unit"], "a unit of the network", unit)
        match = _MONTH.fullmatch(month_text)
        if match is None:
            self._fault(places["month"], "a month such as 2016-10", month_text)
        self._expect(places["scheme"], scheme, set(self._taxonomies))
        if UNPRINTABLE.search(reason):  # the bulletin quotes it
            self._fault(places["reason"], "a text that can be kept", "other characters")
        total = self._number(places["total"], total_text)
        said = sum(line.count for line in lines)
        if standing is Standing.COMPLETE and total != said and not self._faults:
            self._fault(places["total"], f"the sum of the lines, {said}", total_text)
        if standing is Standing.PARTIAL and lines:
            self._fault(places["total"], "no lines beside a total only", f"{len(lines)} lines")
        twice = {(a.code, a.settlement) for a in lines}
        if len(twice) != len(lines):
            self._fault("lines", "each category once", f"{len(lines) - len(twice)} repeated")
        if self._faults or match is None:
            raise SubmissionRefused(self._faults)
        month = date(int(match["year"]), int(match["month"]), 1)
        return Submission(unit, month, scheme, standing, total, reason, tuple(sorted(lines)))

    def _code(self, cell: str, code: str, scheme: str) -> None:
        taxonomy = self._taxonomies.get(scheme)
        if taxonomy is None:
            return
        if code not in taxonomy:
            self._fault(cell, f"a category of {scheme}", code)

    def _number(self, cell: str, text: str) -> int:
        if not _COUNT.fullmatch(text):
            self._fault(cell, "a count, 0 or more", text)
            return 0
        return int(text)

    def _expect(self, cell: str, came: str, allowed: set[str]) -> None:
        if came not in allowed:
            self._fault(cell, " or ".join(sorted(allowed)), came)

    def _fault(self, cell: str, expected: str, came: str) -> None:
        self._faults.append(Fault(cell, expected, came))
