"""One caller's channel, in the field's verbs: answer, play, collect, set, emit, hang up.

Each verb is as few AGI commands as it can be, because what a command costs is spent in Asterisk.
A key pressed while something plays is never lost: it is kept for the next `collect`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from ivr.asterisk import agi_commands
from ivr.asterisk.agi_protocol import Environment, Reply
from ivr.asterisk.variables import UserEvent
from ivr.errors import ActionRefused, PeerBroke

KEYS: Final = "0123456789*#"
KEPT_KEYS: Final = 32
"""Keys kept for later; a flood beyond it is dropped."""

COMMAND_SECONDS: Final = 5.0
"""How long Asterisk may take for a command that does not play."""

PLAY_SECONDS: Final = 300.0
"""How long one sound may last."""

_KEY_CODES: Final = {str(ord(key)): key for key in KEYS}
_GONE: Final = "-1"
_NO_SUCH_APPLICATION: Final = "-2"

_log = structlog.get_logger()

Ask = Callable[[str, float], Awaitable[Reply]]
"""Sends one command and waits so many seconds for its reply; raises as `Channel` says."""


class CallerGone(Exception):
    """The caller hung up, or Asterisk took the call back: an ordinary ending, not an error."""


class Channel:
    """The caller's end of one AGI session; not to be used by two tasks at once.

    Every verb raises `CallerGone` once the caller is gone, `ActionRefused` when Asterisk knows
    no such command, and `ValueRefused` before a byte is sent for a value that could be taken
    for another command.
    """

    __slots__ = ("_ask", "_kept", "environment")

    def __init__(self, ask: Ask, environment: Environment) -> None:
        self._ask = ask
        self._kept = ""
        self.environment = environment

    async def answer(self) -> None:
        """Take the call off the hook; no harm when it is already."""
        if (await self._ask(agi_commands.ANSWER, COMMAND_SECONDS)).result == _GONE:
            raise CallerGone

    async def hang_up(self) -> None:
        """End the call."""
        await self._ask(agi_commands.HANG_UP, COMMAND_SECONDS)

    async def play(self, sounds: Sequence[str], *, to_the_end: bool = False) -> bool:
        """Play sounds one after the other; keys pressed meanwhile are kept for `collect`.

        Args:
            sounds: file names without suffix, as Asterisk looks them up in the call's language.
            to_the_end: go on where a key interrupted, as a legal notice must. Otherwise the
                first key, or one kept before, ends the playing.

        Returns:
            Whether all was played: no key broke it off.
        """
        for sound in sounds:
            if self._kept and not to_the_end:
                return False
            await self._stream(sound, to_the_end=to_the_end)
        return to_the_end or not self._kept

    async def collect(
        self, sounds: Sequence[str] = (), *, first_ms: int, between_ms: int, longest: int = 1
    ) -> str:
        """Play sounds until the first key, then wait for keys; kept keys count as pressed.

        Args:
            sounds: as for `play`.
            first_ms: how long to wait for the first key after the last sound.
            between_ms: how long to wait for each further key.
            longest: how many keys are wanted; more come back only when they were kept.

        Returns:
            The keys pressed, or nothing for silence. `#` ends them early and is the last one
            then; so it is when `longest` is more than one and the caller paused.
        """
        *leading, last = sounds or ("",)
        if leading:
            await self.play(leading)
        keys, self._kept = self._kept, ""
        if not keys:
            keys = await self._data(last, first_ms, 1)
        if not keys or "#" in keys or len(keys) >= longest:
            return keys
        keys += await self._data("", between_ms, longest - len(keys))
        return keys if len(keys) >= longest or keys.endswith("#") else f"{keys}#"

    async def set_variable(self, name: str, value: str) -> None:
        """Set one channel variable to any text of one line."""
        await self._ask(agi_commands.set_variable(name, value), COMMAND_SECONDS)

    async def set_variables(self, values: Mapping[str, str]) -> None:
        """Set several variables in their order by one command; values `[A-Za-z0-9_.:+-]*`."""
        command = agi_commands.set_variables(tuple(values.items()))
        _carried_out("MSet", await self._ask(command, COMMAND_SECONDS))

    async def set_language(self, locale: str) -> None:
        """Speak to the caller in this locale from here on, in the queue too."""
        await self._ask(agi_commands.set_language(locale), COMMAND_SECONDS)

    async def get_variable(self, name: str) -> str | None:
        """Read a channel variable; None when it is not set.

        Not for anything that a caller may have written: a value that itself looks like replies
        can end the session.
        """
        reply = await self._ask(agi_commands.get_variable(name), COMMAND_SECONDS)
        return reply.value if reply.result == "1" else None

    async def emit(self, event: UserEvent, extra: str) -> None:
        """Write a fact of the call into the journal; `extra` is `[A-Za-z0-9_.:+-]{0,100}`."""
        command = agi_commands.user_event(event.value, extra)
        _carried_out("CELGenUserEvent", await self._ask(command, COMMAND_SECONDS))

    async def _stream(self, sound: str, *, to_the_end: bool) -> None:
        sample = 0
        while True:
            keys = KEYS if len(self._kept) < KEPT_KEYS else ""
            command = agi_commands.stream_file(sound, keys, sample)
            reply = await self._ask(command, PLAY_SECONDS)
            if reply.result == "0":
                return
            if reply.result == _GONE:
                # Asterisk answers a missing file as it answers a hang-up, but from the spot.
                # A caller gone at that very sample is found by the next command.
                if reply.endpos != sample:
                    raise CallerGone
                _log.warning("prompt.missing", prompt=sound)
                return
            self._kept += _key(reply)
            if not to_the_end:
                return
            sample = reply.endpos or sample

    async def _data(self, sound: str, wait_ms: int, longest: int) -> str:
        """GET DATA; a `#` that ended it is put back."""
        seconds = PLAY_SECONDS + longest * wait_ms / 1000
        reply = await self._ask(agi_commands.get_data(sound, wait_ms, longest), seconds)
        if reply.result == _GONE:
            if not sound:
                raise CallerGone
            # Missing file or hang-up, the answer is the same; only a caller who is there waits.
            keys = await self._data("", wait_ms, longest)
            _log.warning("prompt.missing", prompt=sound)
            return keys
        ended = reply.value is None and len(reply.result) < longest
        return f"{reply.result}#" if ended else reply.result


def _carried_out(application: str, reply: Reply) -> None:
    if reply.result == _GONE:
        raise CallerGone
    if reply.result == _NO_SUCH_APPLICATION:
        raise ActionRefused(f"expected the application {application}, it is not loaded.")


def _key(reply: Reply) -> str:
    key = _KEY_CODES.get(reply.result)
    if key is None:
        raise PeerBroke(f"expected a key's code, came {reply.result[:8]!r}.")
    return key
