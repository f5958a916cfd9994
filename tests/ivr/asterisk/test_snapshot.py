from __future__ import annotations

from collections.abc import Mapping

from ivr.asterisk.ami import Event, Framer
from ivr.asterisk.snapshot import (
    CallerSeen,
    ChannelSeen,
    DeviceSeen,
    MemberSeen,
    QueueSeen,
    snapshot,
)
from tests.ivr.asterisk.fake_asterisk import message

CHANNEL: Mapping[str, str | int] = {
    "Event": "CoreShowChannel",
    "Channel": "PJSIP/trunk-00000001",
    "ChannelStateDesc": "Up",
    "CallerIDNum": "13812341234",
    "Uniqueid": "n1-17-1763785000.1",
    "Linkedid": "n1-17-1763785000.1",
}
QUEUE: Mapping[str, str | int] = {
    "Event": "QueueParams",
    "Queue": "psych",
    "Strategy": "leastrecent",
    "Completed": 7,
    "Abandoned": 2,
}
MEMBER: Mapping[str, str | int] = {
    "Event": "QueueMember",
    "Queue": "psych",
    "Location": "PJSIP/agent-a1001",
    "InCall": 0,
    "Status": 1,
    "Paused": 1,
    "PausedReason": "lunch",
}
CALLER: Mapping[str, str | int] = {
    "Event": "QueueEntry",
    "Queue": "psych",
    "Position": 1,
    "Uniqueid": "n1-17-1763785000.1",
    "CallerIDNum": "13812341234",
    "Wait": 12,
    "Priority": 30,
}
DEVICE: Mapping[str, str | int] = {
    "Event": "DeviceStateChange",
    "Device": "PJSIP/agent-a1001",
    "State": "NOT_INUSE",
}


def items(*headers: Mapping[str, str | int]) -> list[Event]:
    framer = Framer()
    return framer.feed(b"Asterisk Call Manager/11\r\n" + b"".join(message(**h) for h in headers))[0]


def test_a_snapshot_holds_channels_queues_members_callers_and_devices() -> None:
    seen = snapshot(items(CHANNEL, QUEUE, MEMBER, CALLER, DEVICE))
    assert seen.channels == (
        ChannelSeen("PJSIP/trunk-00000001", "n1-17-1763785000.1", "n1-17-1763785000.1", "Up"),
    )
    assert seen.queues == (QueueSeen("psych", "leastrecent", 7, 2),)
    assert seen.members == (
        MemberSeen(
            "psych",
            "PJSIP/agent-a1001",
            paused=True,
            pause_reason="lunch",
            in_call=False,
            device_state=1,
        ),
    )
    assert seen.callers == (CallerSeen("psych", "n1-17-1763785000.1", 1, 12, 30),)
    assert seen.devices == (DeviceSeen("PJSIP/agent-a1001", "NOT_INUSE"),)


def test_callers_numbers_do_not_enter_a_snapshot() -> None:
    assert "13812341234" not in repr(snapshot(items(CHANNEL, QUEUE, MEMBER, CALLER)))


def test_items_that_cannot_be_read_are_left_out_and_counted() -> None:
    missing = {key: value for key, value in CHANNEL.items() if key != "Uniqueid"}
    seen = snapshot(items(missing, {**CALLER, "Wait": "long"}, QUEUE, {"Event": "Other", "A": 1}))
    assert seen.unreadable == 2
    assert (seen.channels, seen.callers, len(seen.queues)) == ((), (), 1)
