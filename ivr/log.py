"""Structured logging: one JSON event a line, with a stable name, bound ids and masked numbers.

Events and their fields are listed in `docs/log-events.md`. Notes, names and prompts' texts are
never logged; a field that holds a telephone number is masked here, whoever logs it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_NUMBER = re.compile(r"(?<![\w.:-])(\+?\d{3,4})\d{3,}(\d{4})(?![\w.:-])")
_NUMBER_FIELDS = frozenset({"caller", "dialled", "number", "phone"})
_KEPT_TAIL = 4
_SHORTEST_PERSONAL = 7


def mask_number(number: str) -> str:
    """Mask a telephone number for people who have no need of it (oracle O-26).

    Keeps the area code or first three digits and the last four: `13812341234` becomes
    `138****1234`, `02583620521` becomes `025****0521`, `010-83150875` becomes `010****0875`;
    an empty number becomes `匿名`. Numbers of fewer than seven digits, such as 12320, name a
    service rather than a person and stay as they are.
    """
    digits = re.sub(r"[^0-9+]", "", number)
    if not digits:
        return "匿名"
    if len(digits) < _SHORTEST_PERSONAL:
        return digits
    head = 4 if digits.startswith(("0", "+")) and digits[1:2] not in {"1", "2"} else 3
    return f"{digits[:head]}****{digits[-_KEPT_TAIL:]}"


def _mask_numbers(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key in _NUMBER_FIELDS and isinstance(value, str):
            event[key] = mask_number(value)
        elif isinstance(value, str):
            event[key] = _NUMBER.sub(r"\1****\2", value)
    return event


def configure_logging(*, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line, ours and libraries', to `stream` as one JSON object a line.

    Without a stream it is standard error, where a supervisor of services looks for it.
    """
    stream = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        _mask_numbers,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
