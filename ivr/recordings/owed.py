"""Of which talk there must be sound. Pure.

Asterisk begins to write when two channels are bridged and both have sent something. A caller who
hangs up in the instant of the answer leaves a talk and no sound; that is counted, and is no loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

GRACE: Final = timedelta(minutes=10)
"""How long a file may wait for its call, and a conversation for its file."""

TALK_MS: Final = 100
"""MixMonitor reads both directions together and lets them drift apart by up to 100 ms before it
goes on without one. A talk shorter than that, five packets, may end before the first is written."""

KILLED_MS: Final = TALK_MS + 1_024
"""Where Asterisk was killed: it collects 32,768 bytes of a file before it writes them, and raw
samples of two channels come at 32,000 bytes a second."""

LEAST: Final[Mapping[str, int]] = MappingProxyType(
    {"least_ms": TALK_MS, "least_killed_ms": KILLED_MS}
)
"""As the queries name them."""
