"""The first voice: what is known about a request before its words are read.

Each input is a feature of its own and never glued into the text. What is certain (the agent's
choice of type, a campaign, a self-service booking operation, the direction) leaves only its part
of the tree; what is likely (keys pressed in the menu, the queue) raises the odds of its part.
A caller who pressed the wrong key is heard anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ivr.categories.taxonomy import Taxonomy

CERTAIN: Final = float("inf")
MENU_ODDS: Final = 5.0
"""Log odds for the part of the tree that the pressed keys name: about 1 caller in 150 presses
wrong and says nothing that would tell."""
QUEUE_ODDS: Final = 2.0
"""Log odds for what a queue is for; calls overflow between queues."""

_OPERATIONS: Final[Mapping[str, str]] = {
    "book": "B01", "query": "B02", "cancel": "B03", "account": "B04",
}  # fmt: skip
_QUEUES: Final[Mapping[str, str]] = {
    "consult": "C", "appt": "B", "complaint": "T", "report": "J", "quit": "C10.02",
    "psych": "C06.01",
}  # fmt: skip
_CAMPAIGNS: Final = (
    (re.compile("满意|满意度|satisf"), "O05"),
    (re.compile("投诉|举报|complain"), "O04"),
    (re.compile("基线|baseline"), "O01"),
    (re.compile("戒烟|干预|quit|cessation"), "O03"),
    (re.compile("调查|问卷|知晓|第三方|survey"), "O02"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of one service request; everything but one may be missing."""

    text: str = ""
    """Note or transcript."""
    direction: str = ""
    """`in`, `out` or empty."""
    menu_path: str | tuple[str, ...] = ""
    """Names or codes of the chosen keys' category, or a preset such as `12320-2016:C02`."""
    campaign: str = ""
    """Name or code of the campaign that dialled the call."""
    service: str = ""
    """Service type that the agent chose, by name or letter."""
    queue: str = ""
    operation: str = ""
    """Self-service booking operation: `book`, `query`, `cancel`, `account`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one input says: the request lies within a node."""

    node: str
    odds: float
    """Log odds for the node; `CERTAIN` leaves nothing else."""
    said_by: str
    """Chinese name of the input, for the reason that an agent reads."""


def evidence(request: Request, taxonomy: Taxonomy) -> tuple[Evidence, ...]:
    """Return what the inputs beside the text say, most certain first."""
    found = [*_certain(request, taxonomy)]
    if request.menu_path and (node := taxonomy.by_path(request.menu_path)):
        found.append(Evidence(node.code, MENU_ODDS, "菜单"))
    if (queue := _QUEUES.get(request.queue)) is not None:
        found.append(Evidence(queue, QUEUE_ODDS, "队列"))
    return tuple(found)


def _certain(request: Request, taxonomy: Taxonomy) -> Iterable[Evidence]:
    if (operation := _OPERATIONS.get(request.operation)) is not None:
        yield Evidence(operation, CERTAIN, "自助操作")
    if request.service and (node := _service(request.service, taxonomy)):
        yield Evidence(node, CERTAIN, "坐席所选类型")
    if request.campaign:
        yield Evidence(campaign_node(request.campaign, taxonomy), CERTAIN, "外呼活动")
    elif request.direction == "out" and not request.service:
        yield Evidence("O", CERTAIN, "呼出")


def _service(service: str, taxonomy: Taxonomy) -> str | None:
    node = taxonomy.by_path(service)
    return node.code if node else None


def campaign_node(campaign: str, taxonomy: Taxonomy) -> str:
    """Return where a campaign's calls are filed: its code, the kind its name tells, or 其他."""
    if campaign.upper() in taxonomy and campaign.upper().startswith("O"):
        return campaign.upper()
    lowered = campaign.lower()
    return next((code for pattern, code in _CAMPAIGNS if pattern.search(lowered)), "O99")


def request_of(row: Mapping[str, Any]) -> Request:
    """Make a request of a JSON row; unknown keys are ignored, null counts as missing.

    Raises:
        ValueError: naming the key whose value has the wrong type, or that nothing was given.
    """
    values: dict[str, Any] = {}
    for key in ("text", "direction", "menu_path", "campaign", "service", "queue", "operation"):
        value = row.get(key)
        if value is None or value == []:
            continue
        if key == "menu_path" and isinstance(value, list):
            if not all(isinstance(part, str) for part in value):
                raise ValueError("menu_path: expected a string or a list of strings")
            values[key] = tuple(value)
        elif isinstance(value, str):
            values[key] = value
        else:
            raise ValueError(f"{key}: expected a string, came {type(value).__name__}")
    if not any(values.values()):
        raise ValueError("expected one of text, menu_path, campaign, service, came none")
    return Request(**values)
