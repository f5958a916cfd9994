"""Sentences whose figures no request holds: a training, a survey, the network's reach, years past.

The writer gives counts, never a percentage; the sentence, its rounding and the entry of each
figure in `bulletin.json` are the compiler's. Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.reports import statements
from agents.reports.document import Phrase
from agents.reports.rounding import Ratio

Count: TypeAlias = Annotated[int, Field(ge=0)]
Name: TypeAlias = Annotated[str, Field(min_length=1)]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Given):
    """So many of so many."""

    count: Count
    of: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        if self.count > self.of:
            raise ValueError(f"expected a part of {self.of}")
        return self

    @property
    def ratio(self) -> Ratio:
        """The share, not rounded yet."""
        return Ratio(self.count, self.of)


class NamedShare(Share):
    """A share and what it is called."""

    name: Name


class NamedCount(_Given):
    """A count and what it is called."""

    name: Name
    count: Count


class Arm(_Given):
    """One way of helping people to stop smoking, and how it went."""

    name: Name
    completed: Share
    quit: Share
    """Of those who completed it, how many had not smoked for a month."""


class Training(_Given):
    """How many trainees gave the right answer before and after."""

    kind: Literal["training"]
    topic: Name
    before: Share
    after: Share

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.training(self.topic, self.before.ratio, self.after.ratio)


class Cessation(_Given):
    """How far the smoking-cessation work has come."""

    kind: Literal["cessation"]
    surveyed: Count
    files: Count
    quit: Count

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.cessation(self.surveyed, self.files, self.quit)


class CessationArms(_Given):
    """Ways of helping people to stop smoking, compared."""

    kind: Literal["cessation_arms"]
    arms: Annotated[tuple[Arm, ...], Field(min_length=2)]

    def phrase(self) -> Phrase:
        """Say it."""
        arms = [(arm.name, arm.completed.ratio, arm.quit.ratio) for arm in self.arms]
        return statements.cessation_arms(arms)


class SmokingSurvey(_Given):
    """Rates that a survey of a population found."""

    kind: Literal["smoking_survey"]
    rates: Annotated[tuple[NamedShare, ...], Field(min_length=1)]

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.smoking_survey([(rate.name, rate.ratio) for rate in self.rates])


class Coverage(_Given):
    """Where the hotline can be dialled."""

    kind: Literal["coverage"]
    opened: Count
    cities: Count
    new: tuple[Name, ...] = ()
    preparing: tuple[Name, ...] = ()

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.coverage(self.opened, self.cities, self.new, self.preparing)


class ChannelSplit(_Given):
    """Calls taken and calls made since a day."""

    kind: Literal["channel_split"]
    since: Name
    until: Name
    inbound: Count
    outbound: Count

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.channel_split(self.since, self.until, self.inbound, self.outbound)


class Cumulative(_Given):
    """Everything since the line was opened, by type."""

    kind: Literal["cumulative"]
    until: Name
    parts: Annotated[tuple[NamedCount, ...], Field(min_length=1)]
    total: Count

    @model_validator(mode="after")
    def _parts_are_in_the_total(self) -> Self:
        together = sum(part.count for part in self.parts)
        if together > self.total:
            raise ValueError(f"expected a total of at least {together}, which its parts add up to")
        return self

    def phrase(self) -> Phrase:
        """Say it."""
        parts = [(part.name, part.count) for part in self.parts]
        return statements.cumulative(self.until, parts, self.total)


class Compared(_Given):
    """A volume against an earlier one: a growth in percent, or a multiple of a base."""

    kind: Literal["growth", "multiple"]
    label: str = ""
    now: Count
    before: Annotated[int, Field(gt=0)]
    against: Name
    change: Literal["同比", "环比"] = "同比"

    def phrase(self) -> Phrase:
        """Say it."""
        if self.kind == "multiple":
            return statements.multiple(self.now, self.before, against=self.against)
        return statements.growth(
            self.label, self.now, self.before, against=self.against, kind=self.change
        )


class Appointments(_Given):
    """Appointments among the calls, and how many of them were booked."""

    kind: Literal["appointments"]
    calls: Annotated[int, Field(gt=0)]
    asked: Count
    booked: Count

    @model_validator(mode="after")
    def _narrows(self) -> Self:
        if not self.calls >= self.asked >= self.booked:
            raise ValueError("expected calls >= asked >= booked")
        return self

    def phrase(self) -> Phrase:
        """Say it."""
        return statements.appointments(self.asked, self.calls, self.booked)


Statement: TypeAlias = Annotated[
    Training
    | Cessation
    | CessationArms
    | SmokingSurvey
    | Coverage
    | ChannelSplit
    | Cumulative
    | Compared
    | Appointments,
    Field(discriminator="kind"),
]
"""One sentence of an article, told apart by its `kind`."""
