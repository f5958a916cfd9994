"""The AGI protocol without a socket: bytes in, what Asterisk said out.

Asterisk opens with one environment block and then answers each command with one reply; between
replies it may say `HANGUP`. Caller id and dialled number stand in the block as the caller sent
them, line breaks included, so the block is held to the exact names that Asterisk 22 sends, in its
order: a forged line is always one too many, and refused. The same bytes give the same result
however TCP cuts them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from ivr.errors import PeerBroke, ValueRefused

ENVIRONMENT_LIMIT: Final = 16_384
"""Bytes of an environment block, its closing empty line included."""

REPLY_LIMIT: Final = 65_536
"""Bytes of one reply, a value of many lines or a usage text included."""

COMMAND_LIMIT: Final = 8_191
"""Bytes of one command without its line feed: Asterisk reads into 8,192."""

DEAD_CHANNEL: Final = 511

_NAMES: Final = (
    "agi_network",
    "agi_network_script",
    "agi_request",
    "agi_channel",
    "agi_language",
    "agi_type",
    "agi_uniqueid",
    "agi_version",
    "agi_callerid",
    "agi_calleridname",
    "agi_callingpres",
    "agi_callingani2",
    "agi_callington",
    "agi_callingtns",
    "agi_dnid",
    "agi_rdnis",
    "agi_context",
    "agi_extension",
    "agi_priority",
    "agi_enhanced",
    "agi_accountcode",
    "agi_threadid",
)
_WANTED: Final = (
    "agi_network_script",
    "agi_channel",
    "agi_language",
    "agi_uniqueid",
    "agi_callerid",
    "agi_context",
    "agi_extension",
)
"""In the order of `Environment`, which is Asterisk's own."""
_ENVIRONMENT: Final = re.compile(
    "\n".join(f"{name}: (.*)" if name in _WANTED else f"{name}: .*" for name in _NAMES)
    + r"((?:\n.*)*)"
)
_CLOSED: Final = re.compile(rb"\)(?: endpos=[0-9]+)?\Z")
_ENDPOS: Final = re.compile(r" ?endpos=([0-9]{1,18})\Z")
_RESULT: Final = b"200 result="
_PROVISIONAL: Final = b"100 "
_USAGE_OPENS: Final = b"520-"
_USAGE_ENDS: Final = b"520 "
_EMPTY_LINE: Final = b"\n\n"
_REFUSALS: Final = {b"510": 510, b"511": DEAD_CHANNEL, b"520": 520}
_TOO_LONG: Final = f"expected a reply of at most {REPLY_LIMIT} bytes."
_SHOWN: Final = 16
"""Characters of foreign text that an error may quote."""


class Environment(NamedTuple):
    """Asterisk asked: which script, for which call."""

    script: str
    """Path of the request without its slash: `menu` for `agi://host/menu`."""
    channel: str
    """Channel name, e.g. `PJSIP/trunk-00000001`."""
    language: str
    uniqueid: str
    """Of the caller's channel; for a call that came in by the trunk also the call's id."""
    caller: str
    """As the dialplan left it; `unknown` when withheld. Text a caller may have chosen."""
    context: str
    extension: str
    """At which the dialplan asked: the number dialled."""
    arguments: tuple[str, ...]


class Reply(NamedTuple):
    """Asterisk carried the command out, with this result."""

    result: str
    """What follows `result=`: a number or, for GET DATA, keys."""
    value: str | None = None
    """What stands in parentheses: a variable's value, or `timeout`. None without them."""
    endpos: int | None = None
    """Sample at which playing stopped, where the command plays."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Asterisk did not carry the command out."""

    code: int
    """510 unknown command, 511 `DEAD_CHANNEL`, 520 wrong usage."""
    text: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """Asterisk said that the caller hung up; no command is answered by it."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Asterisk, or whoever is there instead, broke the protocol; nothing more is read."""

    detail: str


class _More(Enum):
    GOES_ON = auto()


GOES_ON: Final = _More.GOES_ON
"""The reply that this line begins ends in a later one."""

Line = Reply | Refusal | HungUp | Literal[_More.GOES_ON] | None
Said = Environment | Reply | Refusal | HungUp | Broke


class Parser:
    """The bytes of one session, from the first to the last."""

    __slots__ = ("_held", "_read", "_rest", "_size")

    def __init__(self) -> None:
        # Not bound to this parser: that would be a circle, one for every call, and looking for
        # circles was a third of what a call costs beyond its bytes.
        self._read = Parser._read_environment
        self._rest = b""
        self._held: list[bytes] = []
        """Lines of a reply that is not complete."""
        self._size = 0
        """Their bytes, line feeds included."""

    def feed(self, data: bytes) -> list[Said]:
        """Take bytes as they came and return what they completed, in order."""
        said: list[Said] = []
        try:
            self._read(self, data, said)
        except PeerBroke as broke:
            self._read = Parser._read_nothing
            said.append(Broke(broke.detail))
        return said

    def _read_nothing(self, data: bytes, said: list[Said]) -> None:
        """Be done: after a break nothing can be told apart."""

    def _read_environment(self, data: bytes, said: list[Said]) -> None:
        self._rest += data
        block, end, rest = self._rest.partition(_EMPTY_LINE)
        if len(block) + len(_EMPTY_LINE) > ENVIRONMENT_LIMIT:
            raise PeerBroke(f"expected an environment of at most {ENVIRONMENT_LIMIT} bytes.")
        if end:
            said.append(parse_environment(block))
            self._read = Parser._read_replies
            self._rest = b""
            self._read_replies(rest, said)

    def _read_replies(self, data: bytes, said: list[Said]) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if len(line) + self._size >= REPLY_LIMIT:
                raise PeerBroke(_TOO_LONG)
            whole = self._continued(line) if self._held else parse_line(line)
            if whole is GOES_ON:
                self._held.append(line)
                self._size += len(line) + 1
            elif whole is not None:
                said.append(whole)
        if len(self._rest) + self._size >= REPLY_LIMIT:
            raise PeerBroke(_TOO_LONG)

    def _continued(self, line: bytes) -> Line:
        usage = self._held[0].startswith(_USAGE_OPENS)
        if not (line.startswith(_USAGE_ENDS) if usage else _CLOSED.search(line)):
            return GOES_ON
        whole = b"\n".join((*self._held, line))
        self._held = []
        self._size = 0
        return _parse_refusal(whole) if usage else _parse_result(whole)


def parse_environment(block: bytes) -> Environment:
    """Read a block without its closing empty line.

    Raises:
        PeerBroke: unless it holds exactly the names that Asterisk sends, in its order, and
            then `agi_arg_1`, `agi_arg_2` and so on.
    """
    block_text = _decoded(block)
    match = _ENVIRONMENT.fullmatch(block_text)
    if match is None:
        raise PeerBroke(_first_wrong(block_text.split("\n")))
    script, channel, language, uniqueid, caller, context, extension, arguments = match.groups()
    values = _arguments(arguments.split("\n")[1:])
    return Environment(script, channel, language, uniqueid, caller, context, extension, values)


def _arguments(lines: list[str]) -> tuple[str, ...]:
    values = []
    for number, line in enumerate(lines, 1):
        name, _, value = line.partition(": ")
        if name != f"agi_arg_{number}":
            raise PeerBroke(f"expected agi_arg_{number}, came {line[:_SHOWN]!r}.")
        values.append(value)
    return tuple(values)


def _first_wrong(lines: list[str]) -> str:
    for name, line in zip(_NAMES, lines, strict=False):
        if not line.startswith(f"{name}: "):
            return f"expected {name}, came {line[:_SHOWN]!r}."
    return f"expected {_NAMES[len(lines)]}, the environment ended."


@lru_cache(maxsize=512)  # nearly every reply is one of few: result 0 or 1, or a prompt's end
def parse_line(line: bytes) -> Line:
    """Read one line between replies, without its line feed.

    Returns:
        What it says; None for `100`, which only announces the reply; or `GOES_ON` for the first
        line of a usage text or of a value with line breaks. Such a value goes on until a line
        ends with its parenthesis. A value whose own line ends so is cut there: what is left of
        it comes unasked, and ends the session.

    Raises:
        PeerBroke: it is no reply.
    """
    if line.startswith(_RESULT):
        _, _, rest = line[len(_RESULT) :].partition(b" ")
        goes_on = rest.startswith(b"(") and not _CLOSED.search(rest)
        return GOES_ON if goes_on else _parse_result(line)
    if line == b"HANGUP":
        return HungUp()
    if line.startswith(_USAGE_OPENS):
        return GOES_ON
    return None if line.startswith(_PROVISIONAL) else _parse_refusal(line)


def _parse_result(line: bytes) -> Reply:
    """Read `200 result=<result>[ (<value>)][ endpos=<sample>]`."""
    result, _, rest = _decoded(line[len(_RESULT) :]).partition(" ")
    value = None
    if rest.startswith("("):
        value, _, rest = rest[1:].rpartition(")")
    endpos = _ENDPOS.search(rest)
    return Reply(result, value, int(endpos[1]) if endpos else None)


def _parse_refusal(line: bytes) -> Refusal:
    code = _REFUSALS.get(line[:3])
    if code is None:
        raise PeerBroke(f"expected a reply, came {line[:_SHOWN]!r}.")
    return Refusal(code, _decoded(line[4:]))


def wire(command: str) -> bytes:
    """Return the one line that is this command.

    Raises:
        ValueRefused: it would be more than one command, or longer than Asterisk reads.
    """
    if "\n" in command or "\r" in command or "\0" in command:
        raise ValueRefused("expected a command of one line, came control characters.")
    try:
        line = command.encode()
    except UnicodeEncodeError:
        raise ValueRefused("expected text, came half a surrogate pair.") from None
    if len(line) > COMMAND_LIMIT:
        raise ValueRefused(f"expected at most {COMMAND_LIMIT} bytes, came {len(line)}.")
    return line + b"\n"


def quoted(argument: str) -> str:
    """Return one argument of a command, whatever spaces, quotes and backslashes it holds."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _decoded(raw: bytes) -> str:
    """Decode UTF-8, or else what older exchanges send, line by line; never fails."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "\n".join(_foreign(line) for line in raw.split(b"\n"))


def _foreign(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("gb18030", "backslashreplace")
