from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.ranges import Part, Unsatisfiable, asked_part, is_same

TAG = '"abc"'
SIZE = 1_000


def asked(header: str, if_range: str = "") -> tuple[int, int] | None:
    part = asked_part(header, if_range, TAG, SIZE)
    return (part.start, part.stop) if part.partial else None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 1_000)),
        ("bytes=500-599", (500, 600)),
        ("bytes=999-", (999, 1_000)),
        ("bytes=900-9999999999999999999", (900, 1_000)),
        ("bytes=-1", (999, 1_000)),
        ("bytes=-5000", (0, 1_000)),
        ("Bytes = 1-2", (1, 3)),
        # These are none, so all of it is sent.
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=a-b", None),
        ("bytes=1", None),
        ("items=0-5", None),
        ("bytes", None),
    ],
)
def test_a_range_is_read_as_the_rfc_says(header: str, expected: tuple[int, int] | None) -> None:
    assert asked(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=-0",
        "bytes=0-1,2-3",
        "bytes=0-,0-,0-",
        "bytes=" + "0-," * 100_000,
        "bytes=0-" + " " * 300,
    ],
)
def test_what_is_not_there_and_many_ranges_at_once_are_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked(header)


def test_a_part_of_another_version_is_not_asked_for() -> None:
    assert asked("bytes=1-2", TAG) == (1, 3)
    for other in ('"abd"', f"W/{TAG}", "Sun, 22 Nov 2026 08:00:00 GMT"):
        assert asked("bytes=1-2", other) is None


@given(st.text(alphabet="bytes=0123456789-, ", max_size=60), st.integers(0, 50))
def test_any_header_gives_bytes_that_are_there_or_is_refused(header: str, size: int) -> None:
    try:
        part = asked_part(header, "", TAG, size)
    except Unsatisfiable:
        return
    assert 0 <= part.start <= part.stop <= size
    assert part.partial or (part.start, part.stop) == (0, size)
    assert not part.partial or part.start < part.stop


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_range_within_the_file_is_exactly_that(first: int, last: int) -> None:
    part = asked_part(f"bytes={first}-{last}", "", TAG, 100)
    assert part == (
        Part(first, last + 1, partial=True) if first <= last else Part(0, 100, partial=False)
    )


def test_a_browser_that_has_it_already_is_known() -> None:
    assert is_same(TAG, TAG)
    assert is_same(f'"x", W/{TAG}', TAG)
    assert is_same("*", TAG)
    assert not is_same("", TAG)
    assert not is_same('"x"', TAG)
