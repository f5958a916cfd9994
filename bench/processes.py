"""What processes take while a bench runs: memory and CPU, with all their children."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

WARM_MINUTES: Final = 2.0
"""Memory that start-up and the first calls take is not growth."""
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process and its present children have taken so far."""

    megabytes: float
    """Resident memory, now."""
    cpu_seconds: float


def taken(pid: int) -> Taken:
    """Look at a process and its children.

    Raises:
        FileNotFoundError: one of them ended meanwhile.
    """
    megabytes = cpu_seconds = 0.0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split()
        cpu_seconds += (int(fields[11]) + int(fields[12])) * _TICK
        megabytes += int(fields[21]) * _PAGE
    return Taken(megabytes, cpu_seconds)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text("ascii").split():
            found += _tree(int(child))
    return found


def prefer(pid: int, nice: int) -> bool:
    """Give every thread of a process and its children a priority; tell whether it was allowed."""
    try:
        for one in _tree(pid):
            for thread in Path(f"/proc/{one}/task").iterdir():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
    except PermissionError:
        return False
    return True


@dataclass
class Course:
    """What a process took over time; `restarts` tells that it was replaced."""

    minutes: list[float] = field(default_factory=list)
    looks: list[Taken] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)

    def look(self, pid: int, minute: float) -> None:
        """Note what is taken now, `minute` minutes after the beginning."""
        self.looks.append(taken(pid))
        self.minutes.append(minute)
        self.pids.add(pid)

    def figures(self) -> dict[str, float]:
        """Give memory at the end, its growth after the first minutes, and cores in use."""
        minutes = np.array(self.minutes)
        memory = np.array([look.megabytes for look in self.looks])
        late = minutes >= min(WARM_MINUTES, minutes[-1] / 2)
        slope = float(np.polyfit(minutes[late], memory[late], 1)[0]) if late.sum() > 2 else 0.0  # noqa: PLR2004 - a line needs points
        worked = self.looks[-1].cpu_seconds - self.looks[0].cpu_seconds
        return {
            "megabytes_warm": round(float(memory[late][0]), 1),
            "megabytes_end": round(float(memory[-1]), 1),
            "megabytes_a_minute": round(slope, 3),
            "cores": round(worked / (60 * float(minutes[-1] - minutes[0])), 3),
            "restarts": len(self.pids) - 1,
        }
