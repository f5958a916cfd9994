"""The settings: one typed, frozen tree from a TOML file and the environment.

Order, later wins: defaults, the file named by `HOTLINE_SETTINGS`, the environment
(`HOTLINE_<SECTION>__<KEY>`), and for the two addresses that every platform hands out under its
own name, `DATABASE_URL` and `REDIS_URL`. Read once at start and handed down; no other module
reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.types import StringConstraints

from ivr.config_people import MailSettings, SoftphoneSettings, WebSettings
from ivr.config_values import (
    REPOSITORY,
    ClockSpan,
    Folder,
    Identifier,
    Listed,
    Port,
    Seconds,
    Section,
)
from ivr.errors import SettingsInvalid, ValueRefused
from ivr.recordings.retention import TERMS, RetentionClass, Span, check_span

__all__ = [
    "REPOSITORY",
    "ClockSpan",
    "Identifier",
    "MailSettings",
    "Port",
    "SoftphoneSettings",
    "WebSettings",
]

_PREFIX = "HOTLINE_"
_NOT_SETTINGS = frozenset({"HOTLINE_SETTINGS", "HOTLINE_CACHE", "HOTLINE_ASTERISK_ROOT"})
"""Names for whoever starts the processes; the processes themselves have no use for them."""
_PLATFORM_NAMES = {"DATABASE_URL": ("database", "url"), "REDIS_URL": ("redis", "url")}


class NodeSettings(Section):
    """Which of several Asterisk machines this is."""

    name: Identifier = "n1"
    """Written into every record; unique among the centre's Asterisk machines."""


class AmiSettings(Section):
    """The manager connection to Asterisk."""

    host: str = "127.0.0.1"
    port: Port = 5038
    username: str = "live"
    secret: SecretStr = SecretStr("")
    ping_seconds: Seconds = 2.0
    """A ping is sent this often; unanswered for `deadline_seconds` the link is declared lost."""
    deadline_seconds: Seconds = 5.0
    """How long any action may take."""
    backlog: Annotated[int, Field(ge=100)] = 20_000
    """Events held between the parser and the handlers before redrawable ones are shed."""


class DeskAmiSettings(AmiSettings):
    """The people's side's own account, which may pause agents and nothing else."""

    username: str = "desk"


class AgiSettings(Section):
    """Our FastAGI server, asked by the dialplan which way a call goes."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 4573
    token: SecretStr = SecretStr("")
    """Shared with the dialplan; a question without it is refused."""
    sessions: Annotated[int, Field(ge=1)] = 1_000
    """Calls in menus at once; one more is closed at once and takes the plain menu."""


class TelephonySettings(Section):
    """What the local stack writes into Asterisk's configuration; ours only to hand on."""

    trunk: Listed = ()
    """Addresses or networks from which calls are accepted, besides the stack's own test caller."""
    trunk_contact: str | None = None
    """Where calls to the outside go, e.g. `sip:192.0.2.7:5060`."""
    sip_host: str = "127.0.0.1"
    """Our own address, as the trunk and the telephones see it."""
    sip_port: Port | None = None
    """None: a free one, for a stack that nobody calls from outside."""
    external_address: str | None = None
    """What the other side of a NAT sees."""
    agents: Listed = ("a1001", "a1002", "a1003")
    """Ids of the agents' telephones, each a member of every queue."""
    browsers: Listed = ("a2001", "a2002", "a2003")
    """Ids of agents whose telephone is the desktop in their browser, members as well."""
    skills: dict[str, dict[str, Annotated[int, Field(ge=0, le=9)]]] = Field(default_factory=dict)
    """Agent to queues to penalty, the least is rung first; who is not listed answers all at 0."""
    qualify_seconds: Annotated[int, Field(ge=0, le=3_600)] = 30
    """The trunk is asked this often whether it lives; 0 where a carrier does not answer that."""


class CallbackSettings(Section):
    """Calling back those who left a queue for it (defaults of the domain, all a site's own)."""

    username: str = "dialer"
    secret: SecretStr = SecretStr("")
    """The manager account that may originate; without a secret nobody is called back."""
    permitted: ClockSpan = "09:00-20:00"
    """Nobody is rung outside, in Chinese time; a queue's own hours count besides."""
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    pause_seconds: Seconds = 600.0
    """Between two tries."""
    ring_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    keep_seconds: Seconds = 259_200.0
    """A ticket that old (three days: a long weekend) goes to people instead."""
    look_seconds: Seconds = 1.0
    """How often due tickets are looked for."""
    in_line: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Place holders in Asterisk's queues at once."""


class SpoolSettings(Section):
    """Where Asterisk writes the CEL journal."""

    directory: Folder = REPOSITORY / "var/spool/cel"
    boots: Folder | None = None
    """File with the number of Asterisk's present start, raised by whoever starts it. With it,
    calls that a killed Asterisk left open end within a minute; without, with the next call."""
    poll_seconds: Seconds = 0.05
    """How often a quiet journal is looked at: a ring waits for it before its card can say all."""


def _usual(rule: str) -> Span:
    return TERMS[RetentionClass(rule)].usual


def _kept_for(rule: str) -> object:
    """Read a length of time, and refuse one below what the class allows."""

    def read(value: object) -> Span:
        if isinstance(value, Span):
            return value
        try:
            return check_span(RetentionClass(rule), Span.parse(str(value)))
        except ValueRefused as refusal:
            raise ValueError(refusal.detail) from None

    return BeforeValidator(read)


_WRITTEN = PlainSerializer(str)


class RetentionSettings(Section):
    """How long recordings are kept, as `30d`, `24m` or `3y`; see `ivr.recordings.retention`."""

    general: Annotated[Span, _kept_for("general"), _WRITTEN] = _usual("general")
    outbound: Annotated[Span, _kept_for("outbound"), _WRITTEN] = _usual("outbound")
    psychology: Annotated[Span, _kept_for("psychology"), _WRITTEN] = _usual("psychology")
    complaint: Annotated[Span, _kept_for("complaint"), _WRITTEN] = _usual("complaint")
    hour: Annotated[int, Field(ge=0, le=23)] = 3
    """In which hour of the centre's day what is due is deleted."""
    most: Annotated[int, Field(ge=0)] = 20_000
    """Recordings deleted in one night at most; 0: none, they are only listed."""

    def spans(self) -> dict[RetentionClass, Span]:
        """Return the length of every class."""
        return {rule: getattr(self, rule) for rule in RetentionClass}


class ObjectStorageSettings(Section):
    """An S3-compatible store for finished recordings."""

    endpoint: Annotated[str, StringConstraints(pattern=r"^(https?://[^/\s]+)?$")] = ""
    """Its address; empty: there is none."""
    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$")] = "recordings"
    prefix: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]+/)*$")] = ""
    """Put before each path, e.g. `centre-a/`."""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    addressing: Annotated[str, StringConstraints(pattern="^(path|virtual)$")] = "path"
    part_bytes: Annotated[int, Field(ge=5 << 20, le=64 << 20)] = 8 << 20
    """A longer file is uploaded in parts of this size; two of them lie in memory at most."""
    deadline_seconds: Seconds = 20.0
    """For each answer, and each piece of one."""


class RecordingSettings(Section):
    """Where recordings are made and kept."""

    incoming: Folder = REPOSITORY / "var/spool/monitor"
    """MixMonitor writes here."""
    archive: Folder = REPOSITORY / "var/recordings"
    """Finished recordings are moved here, into `yyyy/mm/dd`."""
    format: Annotated[str, StringConstraints(pattern="^(opus|wav|both)$")] = "opus"
    """What is kept: `opus`, a fifth of the size; `wav`, every sample; `both`, side by side."""
    keys: Folder = REPOSITORY / "var/recordings.keys"
    """The key file; made at the first start, and to be kept in a second, safe place."""
    storage: Annotated[str, StringConstraints(pattern="^(local|s3)$")] = "local"
    """`s3`: finished recordings are moved on into the object store."""
    s3: ObjectStorageSettings = ObjectStorageSettings()
    retention: RetentionSettings = RetentionSettings()

    @property
    def formats(self) -> tuple[str, ...]:
        """The files of a recording, the one that is played first."""
        return ("opus", "wav") if self.format == "both" else (self.format,)

    @model_validator(mode="after")
    def _has_a_store(self) -> Self:
        if self.storage == "s3" and not self.s3.endpoint:
            raise ValueError("storage is s3: expected recordings.s3.endpoint, came none")
        return self


class TranscriptSettings(Section):
    """Messages as text; nothing is shipped that could write them down."""

    recogniser: str = ""
    """Name in the entry-point group `hotline.speech_recogniser`; empty: messages have no text."""
    deadline_seconds: Seconds = 120.0
    """How long one message may take; three times in vain, and it stays without a text."""


class DatabaseSettings(Section):
    """PostgreSQL, 15 or later."""

    url: str = "postgresql://127.0.0.1:5432/hotline"
    connections: Annotated[int, Field(ge=1, le=200)] = 8
    acquire_seconds: Seconds = 5.0
    command_seconds: Seconds = 30.0


class RedisSettings(Section):
    """Redis 7 or Valkey; holds nothing that cannot be rebuilt in five seconds."""

    url: str = "redis://127.0.0.1:6379/0"
    deadline_seconds: Seconds = 1.0


class DefinitionSettings(Section):
    """The files a centre edits."""

    menus: Folder = REPOSITORY / "dialplans/menus"
    hours: Folder = REPOSITORY / "dialplans/hours.toml"
    prompts: Folder = REPOSITORY / "dialplans/prompts.toml"
    transfers: Folder = REPOSITORY / "dialplans/transfers.toml"
    """To whom agents may hand callers over."""
    recorded: Folder = REPOSITORY / "dialplans/recorded"
    """Prompts recorded by people, `<locale>/<key>.wav`; they win over the synthetic voice."""
    sounds: Folder = REPOSITORY / "var/sounds"
    """Where the audio of the prompts lies, in `<locale>/hotline/<key>.wav`, as Asterisk sees it."""


class Settings(Section):
    """Everything an operator can set."""

    node: NodeSettings = NodeSettings()
    ami: AmiSettings = AmiSettings()
    desk_ami: DeskAmiSettings = DeskAmiSettings()
    agi: AgiSettings = AgiSettings()
    telephony: TelephonySettings = TelephonySettings()
    callback: CallbackSettings = CallbackSettings()
    spool: SpoolSettings = SpoolSettings()
    recordings: RecordingSettings = RecordingSettings()
    transcripts: TranscriptSettings = TranscriptSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    definitions: DefinitionSettings = DefinitionSettings()
    mail: MailSettings = MailSettings()
    softphone: SoftphoneSettings = SoftphoneSettings()
    web: WebSettings = WebSettings()
    log_level: Annotated[str, StringConstraints(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings once, from the file named in the environment and the environment itself.

    Raises:
        SettingsInvalid: naming each key, what was expected of it and what was found.
    """
    environment = os.environ if environment is None else environment
    tree = _from_file(environment.get(f"{_PREFIX}SETTINGS"))
    for name, value in environment.items():
        if keys := _PLATFORM_NAMES.get(name) or _keys_of(name):
            _put(tree, keys, value, name)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsInvalid(_explained(error)) from None


def _keys_of(name: str) -> tuple[str, ...]:
    if not name.startswith(_PREFIX) or name in _NOT_SETTINGS:
        return ()
    return tuple(name.removeprefix(_PREFIX).lower().split("__"))


def _from_file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{name}: expected a readable file, {error.strerror}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{name}: expected TOML, {error}.") from None


def _put(tree: dict[str, Any], keys: tuple[str, ...], value: str, name: str) -> None:
    *sections, last = keys
    for section in sections:
        inner = tree.setdefault(section, {})
        if not isinstance(inner, dict):
            raise SettingsInvalid(f"{name}: {section!r} is a value, expected a section.")
        tree = inner
    tree[last] = value


def _explained(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"{key}: no such key; expected one of {_siblings(item['loc'])}.")
        else:
            # A section that is wrong as a whole may hold a password.
            came = "" if isinstance(item["input"], dict) else f", came {item['input']!r}"
            lines.append(f"{key}: {item['msg']}{came}.")
    return "\n".join(["", *lines])


def _siblings(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return ", ".join(sorted(model.model_fields))
