from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import agi_commands
from ivr.asterisk.agi_protocol import wire
from ivr.errors import ValueRefused


def test_each_command_is_what_asterisk_reads() -> None:
    assert agi_commands.get_variable("PROVINCE") == "GET VARIABLE PROVINCE"
    assert agi_commands.set_variable("NOTE", 'a "b"') == r'SET VARIABLE NOTE "a \"b\""'
    assert agi_commands.set_language("zh") == "SET VARIABLE CHANNEL(language) zh"
    assert (
        agi_commands.stream_file("hotline/p_welcome", "12", 800)
        == 'STREAM FILE hotline/p_welcome "12" 800'
    )
    assert agi_commands.get_data("hotline/m_main", 5_000, 1) == "GET DATA hotline/m_main 5000 1"
    assert agi_commands.get_data("", 3_000, 2) == 'GET DATA "" 3000 2'
    assert agi_commands.user_event("MENU", "main:2") == 'EXEC CELGenUserEvent "MENU,main:2"'
    assert (
        agi_commands.set_variables((("ROUTE_QUEUE", "consult"), ("ROUTE", "queue")))
        == 'EXEC MSet "ROUTE_QUEUE=consult,ROUTE=queue"'
    )


@pytest.mark.parametrize(
    "command",
    [
        agi_commands.get_variable,
        lambda value: agi_commands.set_variable(value, "x"),
        agi_commands.set_language,
        lambda value: agi_commands.stream_file(value, "", 0),
        lambda value: agi_commands.get_data(f"{value}.", 1, 1),
        lambda value: agi_commands.user_event("MENU", f"{value},"),
        lambda value: agi_commands.set_variables((("ROUTE", f"{value},"),)),
        lambda value: agi_commands.set_variables(((value, "x"),)),
    ],
)
@pytest.mark.parametrize("value", ["a b", "x,y", 'x"', "x\nHANGUP", "${SHELL(id)}", "１"])
def test_what_could_be_more_than_a_value_is_refused(
    command: Callable[[str], str], value: str
) -> None:
    for _ in range(2):  # a refusal is not kept, and not forgotten either
        with pytest.raises(ValueRefused):
            command(value)


@given(st.text(alphabet=st.characters(exclude_characters="\n\r\0", codec="utf-8"), max_size=50))
def test_any_text_of_one_line_is_one_quoted_argument(value: str) -> None:
    line = wire(agi_commands.set_variable("NOTE", value)).decode()
    opening, inside = line[:19], line[19:-2]
    assert (opening, line[-2:]) == ('SET VARIABLE NOTE "', '"\n')
    assert inside.replace(r"\\", "").replace(r"\"", "").count('"') == 0
