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
from typing import Final, NamedTuple

from ivr.errors import PeerBroke, ValueRefused

ENVIRONMENT_LIMIT: Final = 16_384
"""Bytes of an environment block, its closing empty line included."""

REPLY_LIMIT: Final = 65_536
"""Bytes of one reply, a value of many lines or a usage text included."""

COMMAND_LIMIT: Final = 8_191
"""Bytes of one command without its line feed: Asterisk reads into 8,192."""

OK: Final = 200
UNKNOWN_COMMAND: Final = 510
DEAD_CHANNEL: Final = 511
USAGE: Final = 520

_PREFIXES: Final = (
    "agi_network: ",
    "agi_network_script: ",
    "agi_request: ",
    "agi_channel: ",
    "agi_language: ",
    "agi_type: ",
    "agi_uniqueid: ",
    "agi_version: ",
    "agi_callerid: ",
    "agi_calleridname: ",
    "agi_callingpres: ",
    "agi_callingani2: ",
    "agi_callington: ",
    "agi_callingtns: ",
    "agi_dnid: ",
    "agi_rdnis: ",
    "agi_context: ",
    "agi_extension: ",
    "agi_priority: ",
    "agi_enhanced: ",
    "agi_accountcode: ",
    "agi_threadid: ",
)
_CLOSED: Final = re.compile(rb"\)(?: endpos=\d+)?\Z")
_ENDPOS: Final = re.compile(r" ?endpos=([0-9]{1,18})\Z")
_RESULT: Final = b"200 result="
_USAGE_OPENS: Final = b"520-"
_REFUSALS: Final = {b"510": UNKNOWN_COMMAND, b"511": DEAD_CHANNEL, b"520": USAGE}
_TOO_LONG: Final = f"expected a reply of at most {REPLY_LIMIT} bytes."
_SHOWN: Final = 16
"""Characters of foreign text that an error may quote."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Asterisk asked: which script, for which call."""

    script: str
    """Path of the request without its slash: `menu` for `agi://host/menu`."""
    channel: str
    """Channel name, e.g. `PJSIP/trunk-00000001`."""
    uniqueid: str
    """Of the caller's channel; for a call that came in by the trunk also the call's id."""
    language: str
    caller: str
    """As the dialplan left it; `unknown` when withheld. Text a caller may have chosen."""
    context: str
    dialled: str
    """The extension at which the dialplan asked."""
    arguments: tuple[str, ...]


class Reply(NamedTuple):
    """Asterisk answered the command."""

    code: int
    """`OK`, `UNKNOWN_COMMAND`, `DEAD_CHANNEL` or `USAGE`."""
    result: str
    """What follows `result=`: a number or, for GET DATA, keys. Empty unless `OK`."""
    value: str | None = None
    """What stands in parentheses: a variable's value, or `timeout`. None without them."""
    endpos: int | None = None
    """Sample at which playing stopped, where the command plays."""
    text: str = ""
    """What follows the code when it is not `OK`."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """Asterisk said that the caller hung up; no command is answered by it."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Asterisk, or whoever is there instead, broke the protocol; nothing more is read."""

    detail: str


Said = Environment | Reply | HungUp | Broke


class Parser:
    """The bytes of one session, from the first to the last."""

    __slots__ = ("_asked", "_broken", "_held", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._asked = False
        self._broken = False
        self._held: list[bytes] = []
        """Lines of a reply that is not complete."""
        self._size = 0
        """Their bytes, line feeds included."""

    def feed(self, data: bytes) -> list[Said]:
        """Take bytes as they came and return what they completed, in order."""
        said: list[Said] = []
        if self._broken:
            return said
        self._rest += data
        try:
            if not self._asked:
                self._read_environment(said)
            if self._asked:
                self._read_replies(said)
        except PeerBroke as broke:
            self._broken = True
            self._rest = b""
            self._held = []
            said.append(Broke(broke.detail))
        return said

    def _read_environment(self, said: list[Said]) -> None:
        block, end, rest = self._rest.partition(b"\n\n")
        if len(block) + len(end or b"\n\n") > ENVIRONMENT_LIMIT:
            raise PeerBroke(f"expected an environment of at most {ENVIRONMENT_LIMIT} bytes.")
        if end:
            said.append(parse_environment(block))
            self._asked = True
            self._rest = rest

    def _read_replies(self, said: list[Said]) -> None:
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            complete = self._read_line(line)
            if complete is not None:
                said.append(complete)
        if self._size + len(self._rest) >= REPLY_LIMIT:
            raise PeerBroke(_TOO_LONG)

    def _read_line(self, line: bytes) -> Reply | HungUp | None:
        if self._held:
            return self._read_more(line)
        if len(line) >= REPLY_LIMIT:
            raise PeerBroke(_TOO_LONG)
        if line == b"HANGUP":
            return HungUp()
        if _goes_on(line):
            self._hold(line)
            return None
        return None if line.startswith(b"100 ") else parse_reply(line)

    def _hold(self, line: bytes) -> None:
        self._held.append(line)
        self._size += len(line) + 1

    def _read_more(self, line: bytes) -> Reply | None:
        self._hold(line)
        if self._size > REPLY_LIMIT:
            raise PeerBroke(_TOO_LONG)
        usage = self._held[0].startswith(_USAGE_OPENS)
        if not (line.startswith(b"520 ") if usage else _CLOSED.search(line)):
            return None
        whole = b"\n".join(self._held)
        self._held = []
        self._size = 0
        return parse_reply(whole)


def _goes_on(line: bytes) -> bool:
    """Whether the reply that this line begins ends in a later one: a usage text, an open value.

    A value with line breaks goes on until a line ends with its parenthesis. A value whose own
    line ends so is cut there; what is left of it comes unasked, and ends the session.
    """
    if not line.startswith(_RESULT):
        return line.startswith(_USAGE_OPENS)
    _, _, rest = line[len(_RESULT) :].partition(b" ")
    return rest.startswith(b"(") and _CLOSED.search(line) is None


def parse_environment(block: bytes) -> Environment:
    """Read a block without its closing empty line.

    Raises:
        PeerBroke: unless it holds exactly the names that Asterisk sends, in its order, and
            then `agi_arg_1`, `agi_arg_2` and so on.
    """
    lines = _decoded(block).split("\n")
    if len(lines) < len(_PREFIXES):
        raise PeerBroke(f"expected {_PREFIXES[len(lines)]!r}, the environment ended.")
    values = []
    for line, prefix in zip(lines, (*_PREFIXES, *_arguments(lines)), strict=True):
        if not line.startswith(prefix):
            raise PeerBroke(f"expected {prefix!r}, came {line[:_SHOWN]!r}.")
        values.append(line[len(prefix) :])
    return Environment(
        script=values[1],
        channel=values[3],
        language=values[4],
        uniqueid=values[6],
        caller=values[8],
        context=values[16],
        dialled=values[17],
        arguments=tuple(values[len(_PREFIXES) :]),
    )


def _arguments(lines: list[str]) -> list[str]:
    return [f"agi_arg_{number}: " for number in range(1, len(lines) - len(_PREFIXES) + 1)]


def parse_reply(line: bytes) -> Reply:
    """Read `200 result=<result>[ (<value>)][ endpos=<sample>]` or a refusal, without line feed.

    Raises:
        PeerBroke: it is neither.
    """
    if not line.startswith(_RESULT):
        code = _REFUSALS.get(line[:3])
        if code is None:
            raise PeerBroke(f"expected a reply, came {line[:_SHOWN]!r}.")
        return Reply(code, "", text=_decoded(line[4:]))
    result, space, rest = _decoded(line[len(_RESULT) :]).partition(" ")
    if not space:
        return Reply(OK, result)
    value = None
    if rest.startswith("("):
        value, _, rest = rest[1:].rpartition(")")
    endpos = _ENDPOS.search(rest)
    return Reply(OK, result, value, int(endpos[1]) if endpos else None)


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
