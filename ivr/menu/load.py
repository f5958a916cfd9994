"""From `dialplans/menus/*.toml` to checked, frozen menus.

What is refused here cannot be played at all: a key that is not a key, a choice that leads
nowhere, an unknown prompt, queue or category. What can be played and still is bad for callers
is found by `ivr.menu.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field
from pydantic.types import StringConstraints

from ivr.definition import Section, Source, parse_definition, read_text
from ivr.errors import DefinitionInvalid
from ivr.menu.model import (
    ELDERLY,
    PERSON_KEY,
    RESERVED_KEYS,
    STANDARD,
    Choice,
    Destination,
    Entry,
    Menu,
    Node,
    Option,
    Priority,
    Profile,
    Prompt,
    Sayings,
    Service,
    Timings,
)

NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")]
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,20}$")]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,20}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")]
PromptKeys = tuple[str, ...]
Milliseconds = Annotated[int, Field(ge=500, le=60_000)]

NIGHT_SLOTS: Final = frozenset({"open", "close"})
"""Values that the engine can say inside a menu's prompt, known only when the office is closed."""


_OF_A_QUEUE: Final = frozenset(
    {Service.QUEUE, Service.VOICEMAIL, Service.CALLBACK, Service.ONCALL, Service.PROGRESS}
)
"""Services whose name is the queue whose people they are for."""


class _Option(Section):
    node: NodeName | None = None
    queue: QueueName | None = None
    bye: bool | None = None
    voicemail: QueueName | None = None
    callback: QueueName | None = None
    knowledge: str | None = None
    progress: str | None = None
    oncall: QueueName | None = None
    transfer: Number | None = None
    priority: Annotated[str, StringConstraints(pattern="^P[0-3]$")] = "P3"
    say: Annotated[PromptKeys, Field(strict=False)] = ()
    preset: Annotated[tuple[str, ...], Field(strict=False)] = ()


class _Timings(Section):
    first_ms: Milliseconds
    between_ms: Milliseconds


class _Node(Section):
    say: Annotated[PromptKeys, Field(strict=False, min_length=1)]
    again: Annotated[PromptKeys, Field(strict=False)] = ()
    keys: dict[Key, _Option] = Field(default_factory=dict)
    shortest: Annotated[int, Field(ge=2, le=20)] | None = None
    longest: Annotated[int, Field(ge=2, le=20)] | None = None
    numbers: dict[Digits, _Option] = Field(default_factory=dict)
    then: _Option | None = None
    personal: bool = True
    informs: bool = False


class _Sayings(Section):
    person: str = "p_person"
    invalid: str = "p_invalid"
    closed: str = "p_closed"
    person_first: str = "p_person_first"
    message: str = "p_message"
    warning: str = "p_warning"
    not_found: str = "p_not_found"
    surge: str = "p_surge"


class _Menu(Section):
    name: NodeName
    profile: Annotated[Profile, Field(strict=False)]
    numbers: Annotated[tuple[Number, ...], Field(strict=False)] = ()
    opening: Annotated[PromptKeys, Field(strict=False, min_length=1)]
    start: _Option
    person: _Option
    night: NodeName | None = None
    served: NodeName | None = None
    surge: NodeName | None = None
    nodes: dict[NodeName, _Node] = Field(default_factory=dict)
    sayings: _Sayings = _Sayings()
    standard: _Timings | None = None
    elderly: _Timings | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a menu may refer to, from the other definition files."""

    prompts: Mapping[str, Prompt]
    queues: Collection[str]
    category: Callable[[str], bool]
    """Whether `<taxonomy id>:<code>` may be filed under."""


def menu_files(folder: Path) -> list[Path]:
    """List the menus of a folder; hidden files are an editor's own, not a menu."""
    return sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))


def load_menus(folder: Path, known: Known) -> tuple[Menu, ...]:
    """Read every menu of the folder, in the order of their names.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found, all files together.
    """
    menus: list[Menu] = []
    faults: list[str] = []
    for path in menu_files(folder):
        try:
            menus.append(parse_menu(path, read_text(path), known))
        except DefinitionInvalid as invalid:
            faults.append(invalid.detail.lstrip("\n"))
    faults.extend(_clashes(menus))
    if not menus and not faults:
        faults.append(f"{folder}: expected at least one menu (*.toml), found none.")
    if faults:
        raise DefinitionInvalid("\n".join(("", *faults)))
    return tuple(menus)


def _clashes(menus: Iterable[Menu]) -> Iterator[str]:
    names: dict[str, str] = {}
    for menu in menus:
        for word in (f"menu {menu.name}", *(f"number {number}" for number in menu.numbers)):
            if word in names:
                yield f"{word}: expected in one menu only, is in {names[word]} and {menu.name}."
            names[word] = menu.name


def parse_menu(path: Path, text: str, known: Known) -> Menu:
    """Make a menu of the text of one file; `path` is only named in errors.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found.
    """
    raw, source = parse_definition(path, text, _Menu)
    return _Reader(raw, source, known).menu()


class _Reader:
    """Turns a raw menu into a `Menu`, collecting every fault on the way."""

    def __init__(self, raw: _Menu, source: Source, known: Known) -> None:
        self._raw = raw
        self._source = source
        self._known = known
        self._faults: list[str] = []

    def menu(self) -> Menu:
        raw = self._raw
        menu = Menu(
            name=raw.name,
            profile=raw.profile,
            numbers=raw.numbers,
            opening=self._prompts(raw.opening, ("opening",)),
            start=self._option(raw.start, ("start",)).to,
            person=self._person(raw.person, ("person",)),
            nodes=MappingProxyType({name: self._node(name) for name in raw.nodes}),
            night=self._named(raw.night, ("night",)),
            served=self._named(raw.served, ("served",)),
            surge=self._named(raw.surge, ("surge",)),
            standard=_timings(raw.standard, STANDARD),
            elderly=_timings(raw.elderly, ELDERLY),
            sayings=self._sayings(),
        )
        if raw.profile is Profile.DIRECT and isinstance(menu.start, str):
            self._fault(("start",), "the direct profile leads to a queue, not to a node.")
        if self._faults:
            raise DefinitionInvalid("\n".join(("", *self._faults)))
        return menu

    def _fault(self, keys: Sequence[str], sentence: str) -> None:
        self._faults.append(self._source.at(keys, sentence))

    def _sayings(self) -> Sayings:
        raw = self._raw.sayings
        keys = tuple(getattr(raw, name) for name in _Sayings.model_fields)
        prompts = self._prompts(keys, ("sayings",))
        return Sayings(*prompts) if len(prompts) == len(keys) else Sayings()

    def _node(self, name: str) -> Node:
        raw, at = self._raw.nodes[name], ("nodes", name)
        slots = NIGHT_SLOTS if name == self._raw.night else frozenset()
        say = self._prompts(raw.say, (*at, "say"), slots)
        again = self._prompts(raw.again, (*at, "again"), slots) or say
        if raw.longest is None:
            if raw.numbers or raw.then or raw.shortest:
                self._fault(at, "an entry of several digits needs `longest`.")
            options = MappingProxyType(self._keys(raw, at))
            if raw.informs and len(say) == 1:
                self._fault((*at, "informs"), "expected a question behind what is told.")
            return Choice(name, say, again, options, raw.informs)
        if raw.keys:
            self._fault((*at, "keys"), "a node has either keys or `longest`, not both.")
        if bool(raw.numbers) == bool(raw.then):
            self._fault(at, "an entry needs either `numbers` or `then`.")
        answers = {
            digits: self._option(option, (*at, "numbers", digits))
            for digits, option in raw.numbers.items()
        }
        for digits in raw.numbers:
            if len(digits) > raw.longest:
                self._fault((*at, "numbers", digits), f"longer than longest = {raw.longest}.")
        return Entry(
            name=name,
            say=say,
            again=again,
            shortest=raw.shortest or raw.longest,
            longest=raw.longest,
            answers=MappingProxyType(answers),
            then=self._option(raw.then, (*at, "then")) if raw.then else None,
            personal=raw.personal and not raw.numbers,
        )

    def _keys(self, raw: _Node, at: tuple[str, ...]) -> dict[str, Option]:
        options: dict[str, Option] = {}
        for key, option in sorted(raw.keys.items()):
            place = (*at, "keys", key)
            if key in RESERVED_KEYS:
                self._fault(place, "`*`, `#` and `9` mean the same everywhere; choose 1 to 8.")
            read = self._person if key == PERSON_KEY else self._option
            options[key] = read(option, place)
        return options

    def _person(self, raw: _Option, at: tuple[str, ...]) -> Option:
        held = self._raw.profile is Profile.HELD
        if raw.queue is None and not (held and raw.bye):
            self._fault(at, "expected a queue: this leads to a person.")
        return self._option(raw, at)

    def _option(self, raw: _Option, at: tuple[str, ...]) -> Option:
        for code in raw.preset:
            if not self._known.category(code):
                self._fault((*at, "preset"), f"no category {code!r} can be filed under.")
        return Option(
            to=self._target(raw, at),
            say=self._prompts(raw.say, (*at, "say")),
            presets=raw.preset,
        )

    def _target(self, raw: _Option, at: tuple[str, ...]) -> str | Destination:
        ways = {
            way: value
            for way in ("node", *Service)
            if (value := getattr(raw, way)) not in (None, False)
        }
        if len(ways) != 1:
            choice = ", ".join(("node", *Service))
            self._fault(at, f"expected exactly one of {choice}; came {', '.join(ways) or 'none'}.")
            return Destination(Service.BYE)
        ((way, value),) = ways.items()
        if way == "node":
            return self._named(value, at) or ""
        if way in _OF_A_QUEUE and value not in self._known.queues:
            names = ", ".join(sorted(self._known.queues))
            self._fault(at, f"expected a queue of hours.toml ({names}); came {value!r}.")
        if way == Service.PROGRESS and at[-1] != "then":
            self._fault(at, "a look-up follows what was entered: expected as an entry's `then`.")
        name = value if isinstance(value, str) else ""
        return Destination(Service(way), name, Priority[raw.priority])

    def _named(self, name: str | None, at: tuple[str, ...]) -> str | None:
        if name is not None and name not in self._raw.nodes:
            self._fault(at, f"leads to the node {name!r}, which is not in this file.")
        return name

    def _prompts(
        self, keys: PromptKeys, at: tuple[str, ...], slots: Collection[str] = ()
    ) -> tuple[Prompt, ...]:
        found = []
        for key in keys:
            prompt = self._known.prompts.get(key)
            if prompt is None:
                self._fault(at, f"expected a key of prompts.toml; came {key!r}.")
            elif strange := [slot for slot in prompt.slots if slot not in slots]:
                self._fault(at, f"{key} speaks the value {strange[0]!r}, unknown at this place.")
            else:
                found.append(prompt)
        return tuple(found)


def _timings(raw: _Timings | None, otherwise: Timings) -> Timings:
    return Timings(raw.first_ms, raw.between_ms) if raw else otherwise


def targets(node: Node) -> Iterator[Option]:
    """List every option of a node."""
    if isinstance(node, Choice):
        return iter(node.options.values())
    return chain(node.answers.values(), (node.then,) if node.then else ())
