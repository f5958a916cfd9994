"""What settings are made of: the frozen section, and values that are checked as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.types import StringConstraints

REPOSITORY = Path(__file__).resolve().parent.parent
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,15}$")]


def _listed(value: object) -> object:
    """Take a list from the environment too: separated by commas."""
    if not isinstance(value, str):
        return value
    return tuple(filter(None, (one.strip() for one in value.split(","))))


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def _forwards(span: str) -> str:
    begin, _, end = span.partition("-")
    if begin >= end:
        raise ValueError("expected the second time after the first")
    return span


ClockSpan = Annotated[
    str,
    StringConstraints(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
    ),
    AfterValidator(_forwards),
]
"""Two times of one day, such as `09:00-20:00`; the second is no longer in it."""


class Section(BaseModel):
    """A part of the settings; an unknown key in it is refused, and no refusal repeats a secret."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )
