"""What the desk shows of the live view. Pure: the bridge's state in, figures for people out.

No call, channel or caller is named: who waits is of no use to whoever looks at a queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from ivr.queues import Activity

QUEUES: Final[Mapping[str, str]] = {
    "anyone": "综合服务",
    "consult": "健康咨询",
    "appt": "预约挂号",
    "complaint": "投诉建议",
    "report": "举报",
    "quit": "戒烟服务",
    "psych": "心理援助",
}
"""Queue to what the staff call it, in the order shown."""

ACTIVITIES: Final[Mapping[Activity, str]] = {
    Activity.READY: "空闲",
    Activity.RINGING: "振铃",
    Activity.TALKING: "通话",
    Activity.PAUSED: "示忙",
    Activity.OFFLINE: "离线",
}

Picture = Mapping[str, Any]
"""Ready for JSON; see `picture`."""

UNSEEN: Final[Picture] = {"current": False, "version": 0, "queues": [], "agents": []}
"""Nothing is known: the bridge does not write, or Redis cannot be read."""


def picture(state: Mapping[str, Any]) -> Picture:
    """Turn the bridge's whole state into what the desk shows.

    Args:
        state: as `ivr.board.state` makes it, with its `version`.

    Returns:
        `current`: whether the bridge still hears Asterisk. `version`. `queues`: name, label,
        waiting, longest_wait_ms and ready agents of each. `agents`: activity, label and count.
    """
    seats = state["agents"].values()
    ready = Counter(
        queue
        for seat in seats
        if seat["activity"] == Activity.READY
        for queue in set(seat["queues"]) - set(seat["paused"])
    )
    count = Counter(seat["activity"] for seat in seats)
    queues = state["queues"]
    return {
        "current": bool(state["current"]),
        "version": int(state["version"]),
        "queues": [
            {
                "name": name,
                "label": QUEUES.get(name, name),
                "waiting": len(queues[name]["waiting"]),
                "longest_wait_ms": queues[name]["longest_wait_ms"],
                "ready": ready[name],
            }
            for name in sorted(queues, key=_place)
        ],
        "agents": [
            {"activity": activity.value, "label": label, "count": count[activity]}
            for activity, label in ACTIVITIES.items()
        ],
    }


def _place(queue: str) -> tuple[int, str]:
    known = list(QUEUES)
    return (known.index(queue) if queue in QUEUES else len(known), queue)
