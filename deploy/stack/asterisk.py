"""Asterisk as a child of the stack: its folders, its configuration, its sandbox.

The configuration is what stands in `asterisk-conf/` and `dialplans/`, filled with the values
below. A value that could mean more than itself to Asterisk is refused here, whatever it is for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import jinja2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.networks import IPvAnyAddress, IPvAnyNetwork
from pydantic.types import StringConstraints

from deploy.stack.layout import write_private
from deploy.stack.music import provide_music
from ivr.config import REPOSITORY, ClockSpan, Identifier, Port
from ivr.errors import SettingsInvalid

TEMPLATES: Final = REPOSITORY / "asterisk-conf"
DIALPLANS: Final = REPOSITORY / "dialplans"

_MEANINGFUL: Final = re.compile(r"[\x00-\x1f\x7f;,\[\]\"'\\&|<>]|\$\{|\$\[|\{\{|#exec|#include")
"""What ends a line, a value or an argument in some file or application of Asterisk."""

LIVE_EVENTS: Final = (
    *("FullyBooted", "Shutdown", "Reload"),
    *("Newchannel", "Newstate", "Hangup", "BridgeEnter", "BridgeLeave", "DialBegin", "DialEnd"),
    *("QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon"),
    *("QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "QueueMemberStatus"),
    *("QueueMemberPenalty", "QueueMemberRinginuse"),
    *("AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer", "AgentDump"),
    *("DeviceStateChange", "ContactStatus"),
)
"""All that the bridge's account is told of; a name that is not here costs it nothing."""


def _plain(value: str) -> str:
    if _MEANINGFUL.search(value):
        raise ValueError("expected text without characters that mean something to Asterisk")
    return value


def _free_for_queues(name: str) -> str:
    if name == "general":
        raise ValueError("expected another name: Asterisk takes this section for its settings")
    return name


Plain = Annotated[str, AfterValidator(_plain), StringConstraints(min_length=1, max_length=200)]
AgentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")]
QueueName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$"), AfterValidator(_free_for_queues)
]
Secret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{24,64}$")]
AccountSecret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{32,64}$")]
SipUri = Annotated[str, StringConstraints(pattern=r"^sips?:[A-Za-z0-9.:\[\]-]{1,100}$")]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Queue(_Values):
    """A queue; of two with a caller waiting for the same agent, the heavier is served."""

    name: QueueName
    weight: Annotated[int, Field(ge=0, le=100)] = 0
    music: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,16}$")] | None = None
    offers: bool = True
    """Whether those who wait long may leave a message instead."""


ANYONE: Final = "anyone"
"""The queue for callers of whom nothing is known; the dialplan falls back to it."""

QUEUES: Final = (
    Queue(name=ANYONE),
    Queue(name="consult"),
    Queue(name="appt"),
    Queue(name="complaint"),
    Queue(name="report", weight=20),
    Queue(name="quit"),
    Queue(name="psych", weight=30, music="calm", offers=False),
)


class Agent(_Values):
    """Somebody who answers, at `PJSIP/agent-<id>`."""

    id: AgentId
    secret: Secret
    browser: bool = False
    """True for WebRTC; False for a SIP telephone or client."""
    queues: tuple[QueueName, ...] = tuple(queue.name for queue in QUEUES)
    penalties: dict[QueueName, Annotated[int, Field(ge=0, le=9)]] = Field(default_factory=dict)
    """How unlike this agent's skills a queue is: those with less are rung first; 0 where it is
    not named."""


class Trunk(_Values):
    """Where calls come from, and go to."""

    addresses: Annotated[tuple[IPvAnyAddress | IPvAnyNetwork, ...], Field(min_length=1)]
    """The only ones from which an INVITE is taken without a password."""
    contact: SipUri | None = None
    """For calls to the outside, e.g. `sip:192.0.2.7:5060`."""
    qualify_seconds: Annotated[int, Field(ge=0, le=3_600)] = 30
    """How often it is asked whether it lives; 0 for never."""


class AccountSecrets(_Values):
    """Passwords of the manager accounts."""

    live: AccountSecret
    dialer: AccountSecret
    desk: AccountSecret
    beat: AccountSecret
    watch: AccountSecret


class Tls(_Values):
    """Certificate for browsers that are not on this machine."""

    host: IPvAnyAddress
    port: Port
    certificate: Plain
    key: Plain


class Values(_Values):
    """All that differs between one Asterisk of ours and another."""

    node: Identifier
    boot: Annotated[int, Field(ge=1)]
    """One more at every start of Asterisk."""
    secrets: AccountSecrets
    agi_token: AccountSecret
    agents: tuple[Agent, ...]
    trunk: Trunk
    sip_port: Port
    rtp_first: Port
    rtp_last: Port
    ami_port: Port
    agi_port: Port
    http_port: Port
    sip_host: IPvAnyAddress = Field(default="127.0.0.1", validate_default=True)
    """One address, not all: with 0.0.0.0 Asterisk asks the DNS for its own name in each call."""
    ami_host: IPvAnyAddress = Field(default="127.0.0.1", validate_default=True)
    agi_host: IPvAnyAddress = Field(default="127.0.0.1", validate_default=True)
    http_host: IPvAnyAddress = Field(default="127.0.0.1", validate_default=True)
    external_address: IPvAnyAddress | None = None
    """What the other side of a NAT sees."""
    local_networks: tuple[IPvAnyNetwork, ...] = ()
    """Reached without that NAT."""
    tls: Tls | None = None
    queues: tuple[Queue, ...] = QUEUES
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 500
    outbound_calls: Annotated[int, Field(ge=0, le=1_000)] = 20
    """Calls to the outside at once."""
    rating_after_seconds: Annotated[int, Field(ge=0, le=600)] = 15
    """A talk shorter than this is not rated."""
    offer_after_seconds: Annotated[int, Field(ge=1, le=3_600)] = 120
    """How long a caller waits before a message is offered."""
    offer_every_seconds: Annotated[int, Field(ge=1, le=3_600)] = 60
    place_every_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """Between two announcements of how many callers are before one, if it has changed."""
    transfer_ring_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    """How long the other side of a transfer rings before the caller is taken back."""
    overflow_after_seconds: Annotated[int, Field(ge=10, le=3_600)] = 90
    """How long a caller waits on the psychological line before 12356 is rung too."""
    oncall_ring_seconds: Annotated[int, Field(ge=5, le=120)] = 25
    """How long each telephone on duty rings."""
    rejoin_seconds: Annotated[int, Field(ge=5, le=600)] = 60
    """How long a caller is kept for an agent whose browser was lost."""
    message_seconds: Annotated[int, Field(ge=3, le=600)] = 180
    """The longest message a caller can leave."""
    callback_ring_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    permitted: ClockSpan = "09:00-20:00"
    """Calls that we begin ourselves are placed within these times of China only."""
    run_as: Identifier | None = None
    """The user Asterisk becomes when it is started by root outside a sandbox."""

    @model_validator(mode="after")
    def _consistent(self) -> Values:
        if self.rtp_last - self.rtp_first < 1:
            raise ValueError("rtp_last: expected at least one port above rtp_first")
        ids = [agent.id for agent in self.agents]
        if len(ids) != len(set(ids)):
            raise ValueError("agents: expected every id once")
        known = {queue.name for queue in self.queues}
        unknown = {name for agent in self.agents for name in agent.queues} - known
        if unknown or ANYONE not in known:
            raise ValueError(f"queues: expected {ANYONE} and {sorted(unknown)} in {sorted(known)}")
        return self


def check_values(**values: object) -> Values:
    """Make the values, naming what is wrong without repeating it: it may be a secret.

    Raises:
        SettingsInvalid: naming each value and what was expected of it.
    """
    try:
        return Values.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        lines = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}." for p in problems]
        raise SettingsInvalid("\n".join(["", *lines])) from None


def render(values: Values) -> dict[str, str]:
    """Fill the templates; give text by path below Asterisk's configuration folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - not HTML; the types of `Values` refuse what would bend a file
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    context = {name: getattr(values, name) for name in Values.model_fields}
    context["live_events"] = LIVE_EVENTS
    begin, end = values.permitted.split("-")
    context |= {"permitted_from": _seconds(begin), "permitted_until": _seconds(end)}
    texts = {
        path.name: environment.get_template(path.name).render(context)
        for path in sorted(TEMPLATES.glob("*.conf"))
    }
    for path in sorted(DIALPLANS.glob("*.conf")):
        texts[f"dialplans/{path.name}"] = path.read_text(encoding="utf-8")
    return texts


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return (int(hour) * 60 + int(minute)) * 60


@dataclass(frozen=True, slots=True)
class Folders:
    """What Asterisk may write to, and the prompts it reads."""

    base: Path
    sounds: Path

    @property
    def etc(self) -> Path:
        """Configuration; rendered at every start."""
        return self.base / "etc"

    @property
    def lib(self) -> Path:
        """Asterisk's own small database: registrations, queue members."""
        return self.base / "lib"

    @property
    def spool(self) -> Path:
        """Recordings in the making, in `monitor`."""
        return self.base / "spool"

    @property
    def log(self) -> Path:
        """Logs, and the journal in `cel-custom`."""
        return self.base / "log"

    @property
    def run(self) -> Path:
        """The control socket."""
        return self.base / "run"

    @property
    def monitor(self) -> Path:
        """MixMonitor writes here: `<linked id>.raw`."""
        return self.spool / "monitor"

    @property
    def cel(self) -> Path:
        """The journal: `cel.jsonl`."""
        return self.log / "cel-custom"

    def make(self) -> None:
        """Make the folders that are not there, closed to others."""
        for folder in (
            *(self.base, self.etc, self.etc / "dialplans", self.lib, self.spool, self.log),
            *(self.run, self.monitor, self.cel, self.log / "cdr-custom"),
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)


def write_configuration(folders: Folders, values: Values) -> None:
    """Put folders, music and configuration in place, each file readable by its group only."""
    folders.make()
    provide_music(folders.sounds)
    for name, text in render(values).items():
        write_private(folders.etc / name, text)


def sandbox(root: Path, folders: Folders, *argv: str) -> tuple[str, ...]:
    """Build the command that runs `argv` with `root` read-only and only `folders` writable.

    The network is the machine's. Everything in the sandbox ends with the process that
    started it.
    """
    binds = {
        folders.etc: "/etc/asterisk",
        folders.lib: "/var/lib/asterisk",
        folders.spool: "/var/spool/asterisk",
        folders.log: "/var/log/asterisk",
        folders.run: "/run/asterisk",
    }
    return (
        *("bwrap", "--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--tmpfs", "/tmp"),  # noqa: S108 - the sandbox's own
        *(part for outer, inner in binds.items() for part in ("--bind", str(outer), inner)),
        *("--ro-bind", str(folders.sounds), "/usr/share/asterisk/sounds"),
        *("--unshare-ipc", "--unshare-uts", "--die-with-parent"),
        *argv,
    )


def asterisk_command(root: Path, folders: Folders) -> tuple[str, ...]:
    """Build the command that serves calls, in the foreground."""
    return sandbox(root, folders, "asterisk", "-fn")


def control_command(root: Path, folders: Folders, line: str) -> tuple[str, ...]:
    """Build the command that gives `line` to the running Asterisk and prints its answer."""
    return sandbox(root, folders, "asterisk", "-rx", line)


def environment() -> dict[str, str]:
    """What Asterisk runs in: nothing of ours, and the hotline's time."""
    return {"PATH": os.defpath + ":/usr/sbin:/sbin", "TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8"}
