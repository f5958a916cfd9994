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
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.types import StringConstraints

from ivr.errors import SettingsInvalid

REPOSITORY = Path(__file__).resolve().parent.parent
_PREFIX = "HOTLINE_"
_NOT_SETTINGS = frozenset({"HOTLINE_SETTINGS", "HOTLINE_CACHE", "HOTLINE_ASTERISK_ROOT"})
"""Names for whoever starts the processes; the processes themselves have no use for them."""
_PLATFORM_NAMES = {"DATABASE_URL": ("database", "url"), "REDIS_URL": ("redis", "url")}


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Folder = Annotated[Path, AfterValidator(_absolute)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,15}$")]


def _listed(value: object) -> object:
    """Take a list from the environment too: separated by commas."""
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class NodeSettings(_Section):
    """Which of several Asterisk machines this is."""

    name: Identifier = "n1"
    """Written into every record; unique among the centre's Asterisk machines."""


class AmiSettings(_Section):
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


class AgiSettings(_Section):
    """Our FastAGI server, asked by the dialplan which way a call goes."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 4573
    token: SecretStr = SecretStr("")
    """Shared with the dialplan; a question without it is refused."""
    sessions: Annotated[int, Field(ge=1)] = 1_000
    """Calls in menus at once; one more is closed at once and takes the plain menu."""


class TelephonySettings(_Section):
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


class SpoolSettings(_Section):
    """Where Asterisk writes the CEL journal."""

    directory: Folder = REPOSITORY / "var/spool/cel"
    boots: Folder | None = None
    """File with the number of Asterisk's present start, raised by whoever starts it. With it,
    calls that a killed Asterisk left open end within a minute; without, with the next call."""
    poll_seconds: Seconds = 0.2


class RecordingSettings(_Section):
    """Where recordings are made and kept."""

    incoming: Folder = REPOSITORY / "var/spool/monitor"
    """MixMonitor writes here."""
    archive: Folder = REPOSITORY / "var/recordings"
    """Finished recordings are moved here, into `yyyy/mm/dd`."""


class DatabaseSettings(_Section):
    """PostgreSQL, 15 or later."""

    url: str = "postgresql://127.0.0.1:5432/hotline"
    connections: Annotated[int, Field(ge=1, le=200)] = 8
    acquire_seconds: Seconds = 5.0
    command_seconds: Seconds = 30.0


class RedisSettings(_Section):
    """Redis 7 or Valkey; holds nothing that cannot be rebuilt in five seconds."""

    url: str = "redis://127.0.0.1:6379/0"
    deadline_seconds: Seconds = 1.0


class DefinitionSettings(_Section):
    """The files a centre edits."""

    menus: Folder = REPOSITORY / "dialplans/menus"
    hours: Folder = REPOSITORY / "dialplans/hours.toml"
    prompts: Folder = REPOSITORY / "dialplans/prompts.toml"
    recorded: Folder = REPOSITORY / "dialplans/recorded"
    """Prompts recorded by people, `<locale>/<key>.wav`; they win over the synthetic voice."""
    sounds: Folder = REPOSITORY / "var/sounds"
    """Where the audio of the prompts lies, in `<locale>/hotline/<key>.wav`, as Asterisk sees it."""


class WebSettings(_Section):
    """The people's side: desktop and API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    address: Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$")] = ""
    """What people type into their browsers, e.g. `https://desk.example.cn`; empty means plain
    HTTP at host and port, for this machine alone."""
    metrics_token: SecretStr = SecretStr("")
    """Bearer token with which Prometheus may read `/metrics`; empty: only an administrator may."""


class Settings(_Section):
    """Everything an operator can set."""

    node: NodeSettings = NodeSettings()
    ami: AmiSettings = AmiSettings()
    agi: AgiSettings = AgiSettings()
    telephony: TelephonySettings = TelephonySettings()
    spool: SpoolSettings = SpoolSettings()
    recordings: RecordingSettings = RecordingSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    definitions: DefinitionSettings = DefinitionSettings()
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
        keys = _PLATFORM_NAMES.get(name) or _keys_of(name)
        if keys:
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
            lines.append(f"{key}: {item['msg']}, came {item['input']!r}.")
    return "\n".join(["", *lines])


def _siblings(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return ", ".join(sorted(model.model_fields))
