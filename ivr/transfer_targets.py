"""To whom callers may be handed over: `dialplans/transfers.toml`, read and checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field
from pydantic.types import StringConstraints

from ivr.definition import Section, parse_definition, read_text
from ivr.duty import DIALLABLE
from ivr.errors import DefinitionInvalid, ValueRefused


class Kind(StrEnum):
    """What is at the other end."""

    EMERGENCY = "emergency"
    PSYCH = "psych"
    HOTLINE = "hotline"
    EXPERT = "expert"
    ONCALL = "oncall"
    """The officer on duty at night; rung by the menu, never picked by an agent."""
    COLLEAGUE = "colleague"
    """Another agent, by his id; never listed in transfers.toml."""


NUMBERS: Final[Mapping[Kind, re.Pattern[str]]] = MappingProxyType(
    {
        Kind.EMERGENCY: re.compile(r"110|119|120"),
        Kind.PSYCH: re.compile(r"12356|02[0-9]123205"),
        Kind.HOTLINE: re.compile(r"12345|0(?:10|2[0-9]|[3-9][0-9]{2})12320"),
        Kind.EXPERT: DIALLABLE,
    }
)
"""What the dialplan lets through for each kind."""


_AGENT: Final = re.compile(r"[a-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Target:
    """One line that an agent can pick."""

    id: str
    name: str
    """As the agent reads it."""
    kind: Kind
    number: str
    """As the dialplan is asked for it: a colleague's id stands behind a star."""


Identity = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=40)]
AreaCode = Annotated[str, StringConstraints(pattern=r"^0(10|2[0-9]|[3-9][0-9]{2})$")]


class _Target(Section):
    name: Name
    kind: Annotated[Kind, Field(strict=False)]
    number: str


class _Transfers(Section):
    targets: dict[Identity, _Target] = Field(default_factory=dict)
    places: dict[AreaCode, Name] = Field(default_factory=dict)


def colleague(agent: str, name: str = "") -> Target:
    """Give another agent as a target.

    Raises:
        ValueRefused: that is no agent's id.
    """
    if not _AGENT.fullmatch(agent):
        raise ValueRefused("agent: expected an agent's id, 1 to 16 small letters and digits.")
    return Target(agent, name or agent, Kind.COLLEAGUE, f"*{agent}")


def load_targets(path: Path) -> Mapping[str, Target]:
    """Read transfers.toml; raises as `parse_targets` does."""
    return parse_targets(path, read_text(path))


def parse_targets(path: Path, text: str) -> Mapping[str, Target]:
    """Make the targets, by id, of the text of transfers.toml; `path` is only named in errors.

    Another place's 12320 has the id `place_<area code>`.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found.
    """
    raw, source = parse_definition(path, text, _Transfers)
    faults = [
        source.at(("targets", name, "number"), f"expected a number of the kind {one.kind}.")
        for name, one in raw.targets.items()
        if one.kind not in NUMBERS or not NUMBERS[one.kind].fullmatch(one.number)
    ]
    if faults:
        raise DefinitionInvalid("\n".join(("", *faults)))
    picked = {
        name: Target(name, one.name, one.kind, one.number) for name, one in raw.targets.items()
    }
    elsewhere = {
        f"place_{code}": Target(f"place_{code}", f"{place}12320", Kind.HOTLINE, f"{code}12320")
        for code, place in raw.places.items()
    }
    return MappingProxyType(picked | elsewhere)
