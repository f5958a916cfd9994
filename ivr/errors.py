"""Every error of the call side, under one root.

The first line of a class's docstring is its message; what was expected, what came and
whose fault it is goes into the detail. A caller who hangs up is not an error: see
`ivr.asterisk.agi.CallerGone`, which is an ordinary ending.

    HotlineError
    ├── SettingsInvalid      the operator's file or environment
    ├── DefinitionInvalid    a menu, hours, prompt or taxonomy file
    ├── ValueRefused         a value that must not reach Asterisk
    ├── LinkLost             the AMI connection
    │   └── OutcomeUnknown   an action was written and its answer never came
    ├── LoginRefused         Asterisk refused the account
    ├── ActionRefused        Asterisk answered Error
    ├── RecordingUnreadable  a stored recording, or its key
    ├── DatabaseFailed       PostgreSQL is away or refused; for commands, which do not wait
    └── PeerBroke            the other side broke its protocol
"""

from __future__ import annotations


class HotlineError(Exception):
    """Something in the hotline's call side went wrong."""

    def __init__(self, detail: str = "") -> None:
        """Say the class's sentence, followed by `detail` (expected, came, whose fault)."""
        sentence = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{sentence} {detail}".strip())
        self.detail = detail


class SettingsInvalid(HotlineError):
    """The settings cannot be used."""


class DefinitionInvalid(HotlineError):
    """A definition file cannot be used."""


class ValueRefused(HotlineError):
    """A value was refused before a byte of it was sent."""


class LinkLost(HotlineError):
    """The connection to Asterisk is gone."""


class OutcomeUnknown(LinkLost):
    """The action was sent and no answer came; it may or may not have been carried out."""


class LoginRefused(HotlineError):
    """Asterisk refused the account."""


class ActionRefused(HotlineError):
    """Asterisk refused the action."""


class RecordingUnreadable(HotlineError):
    """A recording cannot be read."""


class DatabaseFailed(HotlineError):
    """PostgreSQL cannot be used."""


class PeerBroke(HotlineError):
    """The other side broke its protocol."""
