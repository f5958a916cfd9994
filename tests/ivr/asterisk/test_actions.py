from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.actions import (
    Action,
    BlindTransfer,
    DialplanHas,
    Hangup,
    Originate,
    Ping,
    PlayDtmf,
    QueueAdd,
    QueuePause,
    QueueRemove,
    Redirect,
    RedirectBoth,
    SetVariable,
    checked,
)
from ivr.errors import ValueRefused

PLAIN = [
    Ping(),
    SetVariable("BRIDGE_BEAT", "1763785000"),
    SetVariable("NOTE", "你好: 100%", channel="PJSIP/trunk-00000003"),
    DialplanHas("from-agent", "120"),
    QueueAdd("psych", "PJSIP/agent-a1001", penalty=2, paused=True),
    QueueRemove("psych", "PJSIP/agent-a1001"),
    QueuePause("PJSIP/agent-a1001", paused=True, reason="lunch"),
    Originate("Local/17@campaign-out/n", "att-17", "survey", "s", variables={"NOT_AFTER": "17"}),
    Redirect("PJSIP/trunk-00000003", "route-queue", "s"),
    RedirectBoth("PJSIP/trunk-00000003", "a", "s", "PJSIP/agent-a1001-00000004", "b", "120"),
    BlindTransfer("PJSIP/agent-a1001-00000004", "transfer", "120"),
    Hangup("Local/s@q-00000000;2"),
    PlayDtmf("PJSIP/agent-a1001-00000004", "A"),
]


@pytest.mark.parametrize("action", PLAIN, ids=lambda a: a.NAME)
def test_what_we_send_every_day_passes_the_gate(action: Action) -> None:
    headers = checked(action.headers())
    assert headers["Action"] == action.NAME
    assert "" not in headers.values()


@pytest.mark.parametrize(
    "text",
    ["1\r\nAction: Originate", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x85b", "a\u2028b", "\ud800"],
)
@pytest.mark.parametrize("key", ["Value", "Variable", "Secret"])
def test_a_line_break_or_control_character_is_refused_in_every_field(key: str, text: str) -> None:
    with pytest.raises(ValueRefused, match=key):
        checked({"Action": "Setvar", key: text})
    with pytest.raises(ValueRefused, match=key):
        checked({"Action": "Originate", key: ["fine", text]})


@given(st.text(max_size=300))
def test_what_passes_the_gate_is_one_line_of_asterisks_length(text: str) -> None:
    try:
        checked({"Value": text})
    except ValueRefused:
        return
    line = f"Value: {text}\r\n".encode()
    assert line.count(b"\n") == line.count(b"\r") == 1
    assert b"\0" not in line
    assert len(line) <= 1_024


def test_a_line_may_be_as_long_as_asterisk_reads_and_no_longer() -> None:
    room = 1_024 - len("Value: \r\n")
    assert checked({"Value": "x" * room})
    with pytest.raises(ValueRefused, match="1024 bytes, came 1025"):
        checked({"Value": "x" * (room + 1)})
    with pytest.raises(ValueRefused):
        checked({"Value": "张" * (room // 2)})


def test_more_headers_than_asterisk_reads_are_refused() -> None:
    assert checked({"Action": "Originate", "Variable": ["a=1"] * 127})
    with pytest.raises(ValueRefused, match="128"):
        checked({"Action": "Originate", "Variable": ["a=1"] * 128})


def test_a_headers_name_cannot_carry_another_header() -> None:
    with pytest.raises(ValueRefused, match="name"):
        checked({"Value: 1\r\nAction": "x"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: SetVariable("SHELL(id)", "1"),
        lambda: SetVariable("X", "1", channel="PJSIP/a&PJSIP/b"),
        lambda: QueueAdd("psych,consult", "PJSIP/agent-a1001"),
        lambda: QueueAdd("psych", "PJSIP/agent-a1001,1"),
        lambda: QueueRemove("../x", "PJSIP/agent-a1001"),
        lambda: QueuePause("PJSIP/agent-a1001", paused=True, reason="a|b"),
        lambda: Originate("PJSIP/trunk&PJSIP/b", "att-1", "survey", "s"),
        lambda: Originate("Local/1@out", "att 1", "survey", "s"),
        lambda: Originate("Local/1@out", "att-1", "survey", "${EVIL}"),
        lambda: Originate("Local/1@out", "att-1", "survey", "s", caller_number="12320<x>"),
        lambda: Originate("Local/1@out", "att-1", "survey", "s", variables={"A": "1,B=2"}),
        lambda: Originate("Local/1@out", "att-1", "survey", "s", variables={"A(b)": "1"}),
        lambda: Redirect("PJSIP/trunk-1", "route-queue", "s,1"),
        lambda: Hangup("/^PJSIP.*/"),
        lambda: PlayDtmf("PJSIP/agent-a1001-00000004", "AB"),
        lambda: PlayDtmf("PJSIP/agent-a1001-00000004", "E"),
        lambda: PlayDtmf("PJSIP/x&PJSIP/y", "A"),
    ],
)
def test_an_id_that_means_more_than_itself_is_refused_before_there_is_an_action(
    make: Callable[[], Action],
) -> None:
    with pytest.raises(ValueRefused):
        make()
