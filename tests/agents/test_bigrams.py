"""Chinese as pairs: whatever is asked is found where it stands, and nothing breaks the query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.bigrams import MOST_ASKED, question, vector, words
from ivr.database import Pool


def test_neighbours_are_words_and_so_are_latin_ones() -> None:
    assert list(words("狂犬病疫苗，HPV 9价；犬")) == [
        "狂犬", "犬病", "病疫", "疫苗", "hpv", "9", "价", "犬",
    ]  # fmt: skip


def test_a_long_text_is_cut_nowhere_between_two_characters() -> None:
    text = "狂犬病疫苗接种" * 1_300
    assert len(list(words(text))) == len(text) - 1


@pytest.mark.parametrize("every", [True, False])
def test_a_question_asks_for_a_bounded_number_of_words(*, every: bool) -> None:
    asked = question("".join(chr(0x4E00 + at) for at in range(500)), every=every)
    assert asked.count("'") == 2 * MOST_ASKED
    assert question(" ，", every=every) == ""


@given(st.text(), st.text())
def test_no_text_leaves_the_form_of_a_query(title: str, body: str) -> None:
    for word in words(title + body):
        assert word
        assert set("'\\&|:!() \0").isdisjoint(word)
    assert vector(title, "", body).count("'") % 2 == 0


async def test_what_stands_somewhere_is_found_by_any_part_of_it(pool: Pool) -> None:
    text = "被狗咬伤后24小时内接种狂犬病疫苗 HPV"
    for asked in ("狗咬伤", "狂犬", "24小时", "hp", "犬"):
        found = await pool.fetchval(
            "SELECT $1::text::tsvector @@ $2::text::tsquery",
            vector("标题", text, ""),
            question(asked, every=True),
        )
        assert found, asked
    for other in ("猫抓", "狂疫"):
        found = await pool.fetchval(
            "SELECT $1::text::tsvector @@ $2::text::tsquery",
            vector("标题", text, ""),
            question(other, every=True),
        )
        assert not found, other


@given(st.text(max_size=60))
def test_a_text_is_found_by_itself(text: str) -> None:
    found = set(words(text))
    asked = question(text, every=True)
    assert all(term.strip("':*") in found for term in asked.split(" & ") if term)
