"""Writes journals as Asterisk does, for tests: one call, step by step, in its words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SECOND: Final = 1_795_000_000
"""The second in which the tests' calls begin (2026-11-18)."""

SAMPLES: Final = Path(__file__).parents[1] / "data/cel"
"""Journals of a real Asterisk."""

CALLER: Final = "PJSIP/trunk-00000001"


@dataclass
class Journal:
    """The journal of one call, written as it goes on."""

    number: int = 1
    boot: int = 7
    second: int = SECOND
    node: str = "n1"
    lines: list[str] = field(default_factory=list)
    now_us: int = 0

    def __post_init__(self) -> None:
        self.now_us = self.now_us or self.second * 1_000_000 + 1_234

    @property
    def call_id(self) -> str:
        return f"{self.node}-{self.boot}-{self.second}.{self.number}"

    def after(self, seconds: float) -> Journal:
        """Let time pass."""
        self.now_us += round(seconds * 1_000_000)
        return self

    def write(
        self,
        kind: str,
        channel: str = CALLER,
        *,
        user: str = "",
        extra: dict[str, Any] | None = None,
        peer: str = "",
    ) -> Journal:
        """Append one record."""
        self.now_us += 150
        record = {
            "eventtype": kind,
            "eventenum": "USER_DEFINED" if user else kind,
            "userdeftype": user,
            "eventtime": f"{self.now_us // 1_000_000}.{self.now_us % 1_000_000:06}",
            "context": "from-trunk",
            "channame": channel,
            "appname": "",
            "uniqueid": self.unique(channel),
            "linkedid": self.call_id,
            "peer": peer,
            "eventextra": json.dumps(extra, separators=(",", ":")) if extra else "",
        }
        self.lines.append(json.dumps(record, separators=(",", ":")))
        return self

    def unique(self, channel: str) -> str:
        if channel == CALLER:
            return self.call_id
        digits, _, end = channel.rpartition("-")[2].partition(";")
        serial = 1000 * self.number + int(digits, 16) + 100 * int(end or 0)
        return f"{self.node}-{self.boot}-{self.second}.{serial}"

    def says(self, event: str, content: str = "", channel: str = CALLER) -> Journal:
        """The dialplan states a fact."""
        return self.write(event, channel, user=event, extra={"extra": content})

    def hangs_up(self, channel: str = CALLER, *, source: str = "", cause: int = 16) -> Journal:
        extra = {"hangupcause": cause, "hangupsource": source, "dialstatus": ""}
        return self.write("HANGUP", channel, extra=extra).write("CHAN_END", channel)

    def ends(self) -> Journal:
        return self.write("LINKEDID_END")

    def joins(self, channel: str, bridge: str = "b1") -> Journal:
        extra = {"bridge_id": bridge, "bridge_technology": "simple_bridge"}
        return self.write("BRIDGE_ENTER", channel, extra=extra)

    def parts(self, channel: str, bridge: str = "b1") -> Journal:
        extra = {"bridge_id": bridge, "bridge_technology": "simple_bridge"}
        return self.write("BRIDGE_EXIT", channel, extra=extra)

    def begins(self, caller: str = "13800001234") -> Journal:
        """A caller arrives, is answered, and is written down."""
        self.write("CHAN_START").write("ANSWER").says("CALLER", caller)
        return self.says("DIALLED", "inbound:12320")

    def chooses(self, menu: str, key: str, code: str = "") -> Journal:
        self.after(2).says("MENU", f"{menu}:{key}")
        return self.says("PRESET", f"12320-2016:{code}") if code else self

    def queues(self, queue: str = "consult", priority: int = 0) -> Journal:
        self.says("RECORDING", self.call_id)
        return self.says("QUEUE", f"{queue}:{priority}")

    def rings(self, agent: str = "a1001", serial: int = 3, seconds: float = 2) -> Journal:
        """A phone rings, and that is all so far."""
        return self.write("CHAN_START", phone(agent, serial)).after(seconds)

    def connects(self, agent: str = "a1001", serial: int = 3, bridge: str = "b1") -> Journal:
        channel = phone(agent, serial)
        self.write("ANSWER", channel).says("AGENT", agent, channel)
        return self.joins(channel, bridge).joins(CALLER, bridge)

    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def phone(agent: str = "a1001", serial: int = 3) -> str:
    """The channel of an agent's phone."""
    return f"PJSIP/agent-{agent}-{serial:08x}"


def answered(number: int = 1, *, talk: float = 30, boot: int = 7, second: int = SECOND) -> Journal:
    """A caller presses 1 and 2, waits, speaks with an agent who hangs up first, and rates."""
    call = (
        Journal(number, boot, second)
        .begins()
        .chooses("main", "1", "C")
        .chooses("consult", "1", "C02")
    )
    call.queues().after(1).rings(seconds=3).connects().after(talk)
    call.parts(phone()).hangs_up(phone(), source=phone()).parts(CALLER)
    call.says("LEFT", "consult:CONTINUE").says("RATING_OFFERED").after(2).says("RATING", "1")
    return call.hangs_up(source="dialplan/builtin").ends()


def abandoned(
    number: int = 1,
    *,
    wait: float = 12,
    boot: int = 7,
    agent: str = "a1001",
    second: int = SECOND,
) -> Journal:
    """A caller waits, a phone rings in vain, and the caller hangs up."""
    call = Journal(number, boot, second).begins().chooses("main", "0").queues("general")
    call.rings(agent, seconds=wait).hangs_up(phone(agent), cause=0).hangs_up(source=CALLER)
    return call.ends()


def message(
    number: int = 1, *, seconds: float = 20, by_key: bool = True, priority: int = 0
) -> Journal:
    """A caller leaves a message, and ends it by a key or by hanging up."""
    call = Journal(number).begins().chooses("m_night", "2").after(6)
    call.says("MESSAGE", f"anyone:{priority}").after(seconds)
    if not by_key:
        return call.hangs_up(source=CALLER).ends()
    return call.says("MESSAGE_END").after(3).hangs_up(source="dialplan/builtin").ends()


def left_in_menu(number: int = 1, boot: int = 7) -> Journal:
    """A caller hangs up during the greeting."""
    return Journal(number, boot).begins().after(1).hangs_up(source=CALLER).ends()
