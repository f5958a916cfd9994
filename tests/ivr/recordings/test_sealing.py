from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr.errors import RecordingUnreadable
from ivr.recordings.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    TAG_BYTES,
    Header,
    Seal,
    seal_file,
    span,
)

SECRET = bytes(range(32))
NAME = "n1-7-1795000000.1/both/opus"
CHUNK = 64
"""Small, so that a few hundred bytes make many chunks."""

plains = st.binary(max_size=5 * CHUNK)


def sealed(
    plain: bytes, *, name: str = NAME, secret: bytes = SECRET, salt: bytes = b"s" * 32
) -> bytes:
    seal = Seal(Header(len(plain), "key", salt, CHUNK), secret, name)
    stream = io.BytesIO()
    seal_file(io.BytesIO(plain), stream, seal)
    return stream.getvalue()


def opened(content: bytes, *, name: str = NAME, secret: bytes = SECRET) -> bytes:
    """Open a whole file as strictly as the product does."""
    header = Header.parse(content[:HEADER_BYTES])
    if len(content) != header.sealed_bytes:
        raise RecordingUnreadable("length")
    seal, at, plain = Seal(header, secret, name), HEADER_BYTES, b""
    for number in range(header.chunks):
        size = seal.sealed_size(number)
        plain += seal.open(number, content[at : at + size])
        at += size
    return plain


@given(plains)
def test_what_was_sealed_opens(plain: bytes) -> None:
    content = sealed(plain)
    assert opened(content) == plain
    assert len(content) == Header.parse(content[:HEADER_BYTES]).sealed_bytes


def test_nothing_of_the_sound_can_be_read_in_the_file() -> None:
    assert b"hello" not in sealed(b"hello" * 50)


@given(plains, st.data())
@settings(max_examples=300)
def test_any_flipped_bit_is_refused(plain: bytes, data: st.DataObject) -> None:
    content = bytearray(sealed(plain))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RecordingUnreadable):
        opened(bytes(content))


@given(plains, st.data())
def test_any_cut_is_refused(plain: bytes, data: st.DataObject) -> None:
    content = sealed(plain)
    with pytest.raises(RecordingUnreadable):
        opened(content[: data.draw(st.integers(0, len(content) - 1))])


@given(plains, st.data())
def test_a_cut_between_chunks_with_a_shorter_length_written_is_refused(
    plain: bytes, data: st.DataObject
) -> None:
    """As by a thief who knows the format: the header says that the rest was never there."""
    content = sealed(plain + b"x" * 3 * CHUNK)
    header = Header.parse(content[:HEADER_BYTES])
    chunks = data.draw(st.integers(1, header.chunks - 1))
    forged = Header(chunks * CHUNK, header.key_id, header.salt, CHUNK)
    with pytest.raises(RecordingUnreadable):
        opened(forged.encode() + content[HEADER_BYTES:][: chunks * (CHUNK + TAG_BYTES)])


@given(st.permutations(range(4)))
@example([1, 0, 2, 3])
def test_chunks_in_another_order_are_refused(order: list[int]) -> None:
    plain = bytes(range(256))
    content = sealed(plain)
    size = CHUNK + TAG_BYTES
    chunks = [content[HEADER_BYTES + n * size : HEADER_BYTES + (n + 1) * size] for n in range(4)]
    mixed = content[:HEADER_BYTES] + b"".join(chunks[n] for n in order)
    if order == [0, 1, 2, 3]:
        assert opened(mixed) == plain
    else:
        with pytest.raises(RecordingUnreadable):
            opened(mixed)


@pytest.mark.parametrize("other", [{"name": "n1-7-1795000000.2/both/opus"}, {"secret": b"k" * 32}])
def test_a_file_in_anothers_place_and_one_of_another_key_do_not_open(other: dict[str, str]) -> None:
    with pytest.raises(RecordingUnreadable):
        opened(sealed(b"sound" * 100), **other)  # type: ignore[arg-type]  # a name or a key


def test_chunks_of_two_files_of_one_key_cannot_be_mixed() -> None:
    one, two = sealed(b"a" * 200), sealed(b"b" * 200, salt=b"t" * 32)
    with pytest.raises(RecordingUnreadable):
        opened(one[: HEADER_BYTES + CHUNK + TAG_BYTES] + two[HEADER_BYTES + CHUNK + TAG_BYTES :])


@given(st.binary(min_size=1, max_size=5 * CHUNK), st.data())
def test_any_range_is_the_slice_and_reads_only_its_chunks(
    plain: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(plain) - 1))
    stop = data.draw(st.integers(start + 1, len(plain)))
    content = sealed(plain)
    header = Header.parse(content[:HEADER_BYTES])
    wanted, seal = span(header, start, stop), Seal(header, SECRET, NAME)
    part, found, number = content[wanted.start : wanted.stop], b"", wanted.first
    while part:
        size = seal.sealed_size(number)
        found += seal.open(number, part[:size])
        part, number = part[size:], number + 1
    assert found[wanted.skip :][: stop - start] == plain[start:stop]
    assert number - wanted.first <= (stop - start) // CHUNK + 2


@given(st.binary(max_size=200))
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(RecordingUnreadable):
        Header.parse(data)


def test_a_source_that_is_shorter_than_it_says_is_not_sealed() -> None:
    with pytest.raises(OSError, match="short read"):
        seal_file(io.BytesIO(b"abc"), io.BytesIO(), Seal.fresh(4, "key", SECRET, NAME))


def test_no_two_files_have_one_salt_and_todays_format_is_tomorrows() -> None:
    assert Seal.fresh(1, "k", SECRET, NAME).header != Seal.fresh(1, "k", SECRET, NAME).header
    assert CHUNK_BYTES == 65_536
    digest = hashlib.sha256(sealed(bytes(range(200)))).hexdigest()
    assert digest == "5ed24386637140e9a9432491e4e7139f0fd3fa610453c7e5ec2d5aeb59f60604"
