"""The actions we ask of Asterisk over AMI, and the one gate that every field passes.

Each action is a value whose fields were checked when it was made: an id that is an id cannot
carry a function, a second channel or a second variable. `checked` is the last gate before the
bytes and knows the wire's own limits; it also sees the login.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from ivr.errors import ValueRefused

LINE_LIMIT: Final = 1_024
"""Bytes of one line, its end included; Asterisk throws a longer one away."""

HEADERS_LIMIT: Final = 128
"""Lines of one action; Asterisk ignores those beyond."""

Headers = Mapping[str, str | list[str]]

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CHANNEL = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_.@:;+-]{1,149}(/[nj]+)?")
_CHANNEL_ID = re.compile(r"[A-Za-z0-9_.-]{1,149}")
_QUEUE = re.compile(r"[a-z0-9_]{1,32}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_PLACE = re.compile(r"[A-Za-z0-9_*#+-]{1,79}")
_DIGIT = re.compile(r"[0-9*#A-D]")
_NUMBER = re.compile(r"\+?[0-9*#]{0,20}")
_LISTED = re.compile(r'[^,"\\]*')
"""A value among several in one header: no separator, quote or escape."""


def checked(headers: Headers) -> Headers:
    """Return `headers` if they can be sent as they are.

    Raises:
        ValueRefused: a control or line-breaking character, an over-long line or too many.
    """
    lines = list(_lines(headers))
    if len(lines) > HEADERS_LIMIT:
        raise ValueRefused(f"Expected at most {HEADERS_LIMIT} headers, came {len(lines)}.")
    for key, value in lines:
        if not _KEY.fullmatch(key):
            raise ValueRefused(f"Expected a header's name, came {key[:40]!a}.")
        if found := _CONTROL.search(value):
            raise ValueRefused(f"{key}: expected plain text, came {found.group()!a} in it.")
        if (length := len(f"{key}: {value}\r\n".encode())) > LINE_LIMIT:
            raise ValueRefused(f"{key}: expected a line of {LINE_LIMIT} bytes, came {length}.")
    return headers


def _lines(headers: Headers) -> Iterable[tuple[str, str]]:
    for key, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            yield key, value


def _expect(pattern: re.Pattern[str], **fields: str) -> None:
    for name, value in fields.items():
        if not pattern.fullmatch(value):
            raise ValueRefused(f"{name}: expected {pattern.pattern}, came {value[:60]!a}.")


@dataclass(frozen=True, slots=True)
class Action(ABC):
    """Something that Asterisk is asked to do."""

    NAME: ClassVar[str]

    @abstractmethod
    def fields(self) -> Headers:
        """Return the action's own headers; those that are empty are not sent."""

    def headers(self) -> Headers:
        """Return everything that is sent but the ActionID."""
        return {"Action": self.NAME} | {key: value for key, value in self.fields().items() if value}


@dataclass(frozen=True, slots=True)
class Question(Action):
    """An action without fields."""

    def fields(self) -> Headers:
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Ping(Question):
    """Ask for a sign of life."""

    NAME = "Ping"


@dataclass(frozen=True, slots=True)
class CoreShowChannels(Question):
    """Ask for all channels; a list."""

    NAME = "CoreShowChannels"


@dataclass(frozen=True, slots=True)
class QueueStatus(Question):
    """Ask for all queues, their members and callers; a list."""

    NAME = "QueueStatus"


@dataclass(frozen=True, slots=True)
class DeviceStateList(Question):
    """Ask for the state of all devices; a list."""

    NAME = "DeviceStateList"


@dataclass(frozen=True, slots=True)
class SetVariable(Action):
    """Set a variable of a channel, or a global one; functions cannot be named."""

    NAME = "Setvar"
    variable: str
    value: str
    channel: str = ""
    """Empty: a global variable."""

    def __post_init__(self) -> None:
        _expect(_VARIABLE, variable=self.variable)
        if self.channel:
            _expect(_CHANNEL, channel=self.channel)

    def fields(self) -> Headers:
        """Return the headers of Setvar."""
        return {"Channel": self.channel, "Variable": self.variable, "Value": self.value}


@dataclass(frozen=True, slots=True)
class DialplanHas(Action):
    """Ask whether something could be dialled in a context: the reply's value is `1`, or `0`."""

    NAME = "Getvar"
    context: str
    extension: str

    def __post_init__(self) -> None:
        _expect(_PLACE, context=self.context, extension=self.extension)

    def fields(self) -> Headers:
        """Return the headers of Getvar."""
        return {"Variable": f"DIALPLAN_EXISTS({self.context},{self.extension},1)"}


@dataclass(frozen=True, slots=True)
class QueueAdd(Action):
    """Let an agent's device take calls of a queue."""

    NAME = "QueueAdd"
    queue: str
    interface: str
    penalty: int = 0
    paused: bool = False

    def __post_init__(self) -> None:
        _expect(_QUEUE, queue=self.queue)
        _expect(_CHANNEL, interface=self.interface)

    def fields(self) -> Headers:
        """Return the headers of QueueAdd; the device's own state counts, not a proxy's."""
        return {
            "Queue": self.queue,
            "Interface": self.interface,
            "StateInterface": self.interface,
            "Penalty": str(self.penalty),
            "Paused": str(self.paused).lower(),
        }


@dataclass(frozen=True, slots=True)
class QueueRemove(Action):
    """Take an agent's device out of a queue."""

    NAME = "QueueRemove"
    queue: str
    interface: str

    def __post_init__(self) -> None:
        _expect(_QUEUE, queue=self.queue)
        _expect(_CHANNEL, interface=self.interface)

    def fields(self) -> Headers:
        """Return the headers of QueueRemove."""
        return {"Queue": self.queue, "Interface": self.interface}


@dataclass(frozen=True, slots=True)
class QueuePause(Action):
    """Stop or resume offering calls to an agent's device, in one queue or in all."""

    NAME = "QueuePause"
    interface: str
    paused: bool
    queue: str = ""
    """Empty: all queues."""
    reason: str = ""
    """Shown to supervisors and written to the queue log: a code of `[A-Za-z0-9_-]`."""

    def __post_init__(self) -> None:
        _expect(_CHANNEL, interface=self.interface)
        if self.queue:
            _expect(_QUEUE, queue=self.queue)
        if self.reason:
            _expect(_PLACE, reason=self.reason)

    def fields(self) -> Headers:
        """Return the headers of QueuePause."""
        return {
            "Interface": self.interface,
            "Paused": str(self.paused).lower(),
            "Queue": self.queue,
            "Reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Originate(Action):
    """Start a call and let it enter the dialplan; answered when Asterisk has queued it.

    It is never sent twice. Whether the call came to be is known by `channel_id`, which must be
    one that was never used before; without one Asterisk gives it its own.
    """

    NAME = "Originate"
    channel: str
    channel_id: str
    context: str
    extension: str
    priority: int = 1
    timeout_seconds: float = 30.0
    caller_number: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _expect(_CHANNEL, channel=self.channel)
        if self.channel_id:
            _expect(_CHANNEL_ID, channel_id=self.channel_id)
        _expect(_PLACE, context=self.context, extension=self.extension)
        _expect(_NUMBER, caller_number=self.caller_number)
        for name, value in self.variables.items():
            _expect(_VARIABLE, variable=name)
            _expect(_LISTED, **{name: value})

    def fields(self) -> Headers:
        """Return the headers of Originate, which does not wait for the called party."""
        return {
            "Channel": self.channel,
            "ChannelId": self.channel_id,
            "Context": self.context,
            "Exten": self.extension,
            "Priority": str(self.priority),
            "Timeout": str(round(self.timeout_seconds * 1_000)),
            "CallerID": self.caller_number,
            "Async": "true",
            "Variable": [f"{name}={value}" for name, value in self.variables.items()],
        }


@dataclass(frozen=True, slots=True)
class Redirect(Action):
    """Send a channel to another place in the dialplan."""

    NAME = "Redirect"
    channel: str
    context: str
    extension: str
    priority: int = 1

    def __post_init__(self) -> None:
        _expect(_CHANNEL, channel=self.channel)
        _expect(_PLACE, context=self.context, extension=self.extension)

    def fields(self) -> Headers:
        """Return the headers of Redirect."""
        return {
            "Channel": self.channel,
            "Context": self.context,
            "Exten": self.extension,
            "Priority": str(self.priority),
        }


@dataclass(frozen=True, slots=True)
class RedirectBoth(Action):
    """Part two channels that are joined, and send each to its own place in the dialplan."""

    NAME = "Redirect"
    channel: str
    context: str
    extension: str
    other_channel: str
    other_context: str
    other_extension: str

    def __post_init__(self) -> None:
        _expect(_CHANNEL, channel=self.channel, other_channel=self.other_channel)
        _expect(_PLACE, context=self.context, extension=self.extension)
        _expect(_PLACE, context=self.other_context, extension=self.other_extension)

    def fields(self) -> Headers:
        """Return the headers of Redirect with its extra channel; both begin at priority 1."""
        return {
            "Channel": self.channel,
            "ExtraChannel": self.other_channel,
            "Context": self.context,
            "ExtraContext": self.other_context,
            "Exten": self.extension,
            "ExtraExten": self.other_extension,
            "Priority": "1",
            "ExtraPriority": "1",
        }


@dataclass(frozen=True, slots=True)
class BlindTransfer(Action):
    """Send whoever is joined with a channel to another place; the channel itself is let go."""

    NAME = "BlindTransfer"
    channel: str
    """Of the one who hands over."""
    context: str
    extension: str

    def __post_init__(self) -> None:
        _expect(_CHANNEL, channel=self.channel)
        _expect(_PLACE, context=self.context, extension=self.extension)

    def fields(self) -> Headers:
        """Return the headers of BlindTransfer."""
        return {"Channel": self.channel, "Context": self.context, "Exten": self.extension}


@dataclass(frozen=True, slots=True)
class PlayDtmf(Action):
    """Let Asterisk take it that a key was pressed at a channel; its dynamic features hear it."""

    NAME = "PlayDTMF"
    channel: str
    digit: str
    """One of `0-9*#A-D`; telephones have no A to D."""

    def __post_init__(self) -> None:
        _expect(_CHANNEL, channel=self.channel)
        _expect(_DIGIT, digit=self.digit)

    def fields(self) -> Headers:
        """Return the headers of PlayDTMF, as received from the channel and not sent to it."""
        return {"Channel": self.channel, "Digit": self.digit, "Receive": "true"}


@dataclass(frozen=True, slots=True)
class Hangup(Action):
    """End a channel."""

    NAME = "Hangup"
    channel: str
    """Its name, or its id."""
    cause: int = 16
    """Q.850 cause; 16 is normal clearing."""

    def __post_init__(self) -> None:
        if not _CHANNEL_ID.fullmatch(self.channel):
            _expect(_CHANNEL, channel=self.channel)

    def fields(self) -> Headers:
        """Return the headers of Hangup."""
        return {"Channel": self.channel, "Cause": str(self.cause)}


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk did what it was asked."""

    message: str
    """Its words."""
    value: str = ""
    """What was asked for, where the action asks for a variable."""
