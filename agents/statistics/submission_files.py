"""A unit's month as a file of any form, told by the ending of its name."""

from __future__ import annotations

from collections.abc import Collection

from agents.statistics.history import decoded
from agents.statistics.submissions import Reader, Submission
from ivr.categories.taxonomy import editions


def read_submission(name: str, content: bytes, known: Collection[str]) -> Submission:
    """Read a unit's month.

    Args:
        name: of the file; `.xlsx` and `.json` say what it is, everything else is read as CSV.
        content: its bytes.
        known: ids of the units that may report.

    Raises:
        SubmissionRefused: with every fault and its cell.
    """
    reader = Reader(known, editions())
    if name.endswith(".xlsx"):
        # The reader of office formats is loaded with the first workbook.
        from agents.statistics.submission_book import read_book  # noqa: PLC0415 - see above

        return read_book(reader, content)
    text = decoded(content)
    return reader.from_json(text) if name.endswith(".json") else reader.from_csv(text)
