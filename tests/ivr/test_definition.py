from __future__ import annotations

from pathlib import Path

import pytest

from ivr.definition import Section, parse_definition, read_text
from ivr.errors import DefinitionInvalid


class _Inner(Section):
    size: int


class _File(Section):
    inner: dict[str, _Inner] = {}  # noqa: RUF012 - pydantic copies defaults
    rows: list[_Inner] = []  # noqa: RUF012 - pydantic copies defaults


def refused(text: str) -> str:
    with pytest.raises(DefinitionInvalid) as caught:
        parse_definition(Path("folder/file.toml"), text, _File)
    return caught.value.detail


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('# note\n[inner.a]\nsize = "big"', "file.toml:3: inner.a.size"),
        ('[inner]\na = { size = "big" }', "file.toml:2: inner.a.size"),
        ('[inner."a b"]\nsize = "big"', "file.toml:2: inner.a b.size"),
        ('[[rows]]\nsize = 1\n[[rows]]\nsize = "big"', "file.toml:4: rows.1.size"),
        ("[inner.a]\nsize = 1\ncolour = 2", "file.toml:3: inner.a.colour"),
        ('inner.a.size = "big"', "file.toml:1: inner.a.size"),
        ("other = 1", "file.toml:1: other"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_key(text: str, place: str) -> None:
    assert place in refused(text)


def test_what_came_is_told() -> None:
    assert "came 'big'" in refused('[inner.a]\nsize = "big"')


def test_a_right_file_is_read_and_knows_its_lines() -> None:
    found, source = parse_definition(Path("file.toml"), "[inner.a]\nsize = 3", _File)
    assert found.inner["a"].size == 3
    assert source.line(("inner", "a", "size")) == 2
    assert source.line(("inner", "a", "unknown")) == 1
    assert source.line(("elsewhere",)) is None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid, match="expected a readable file"):
        read_text(tmp_path / "none.toml")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gbk.toml"
    path.write_bytes("# 您好".encode("gbk"))
    with pytest.raises(DefinitionInvalid, match="expected UTF-8"):
        read_text(path)
