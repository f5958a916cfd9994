"""One TCP connection to Asterisk's manager interface, as far as panoramisk is trusted with it.

panoramisk connects, logs in, numbers the actions and matches their answers. Taken away from it
through its two hooks and by overriding are: its parser (it decodes each read by itself and
loses characters), its callbacks (one that raises cuts the connection), its pings (they have no
deadline), its reconnecting (no jitter, and over for good after an unforeseen error) and its
replay of unanswered actions (a citizen would be rung twice).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from panoramisk.actions import Action as Request
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message as Answer

from ivr.asterisk.actions import Headers, Reply, checked
from ivr.asterisk.ami import Event, Framer, Message
from ivr.config import AmiSettings
from ivr.errors import ActionRefused, LinkLost, LoginRefused, OutcomeUnknown

_UNANSWERED_LIMIT: Final = 1_000
_LIST_LIMIT: Final = 50_000
_EARLY_LIMIT: Final = 10_000


class _Everything:
    """Contains every action's name, so that panoramisk never sends one a second time."""

    def __contains__(self, _name: object) -> bool:
        return True


class _Manager(Manager):  # type: ignore[misc]  # panoramisk has no types
    """Connects once and logs in; what follows a failure or a loss is the link's business."""

    def connection_made(self, f: asyncio.Future[Any]) -> None:
        if not f.cancelled() and f.exception() is None:
            super().connection_made(f)

    def login(self, future: asyncio.Future[Any]) -> bool:
        return not future.cancelled() and future.exception() is None and bool(super().login(future))

    def ping(self) -> None:
        """Leave pings to the link, which waits for their answers."""


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Our parser in, our gate out, panoramisk's matching in between."""

    def __init__(self, framer: Framer) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.receive: Callable[[list[Event]], None] = self._receive_early
        self.early: list[Event] = []
        self._framer = framer

    def send(self, data: Any, as_list: Any = False) -> asyncio.Future[Any]:  # noqa: ANN401, FBT002  # panoramisk's signature
        request = data if isinstance(data, Request) else Request(data)
        checked(dict(request.items()))
        future: asyncio.Future[Any] = super().send(request, as_list=as_list)
        return future

    def data_received(self, data: bytes) -> None:
        events, responses = self._framer.feed(data)
        if self.responses:
            for response in responses:
                self._answer(response, {"Response": response.name})
            events = [event for event in events if not self._listed(event)]
        if events:
            self.receive(events)

    def _receive_early(self, events: list[Event]) -> None:
        """Hold what came right behind the answer to the login, before the link knew of it."""
        self.early += events
        if len(self.early) > _EARLY_LIMIT:
            self.abandon("events before the login was answered")

    def _listed(self, event: Event) -> bool:
        """Take an event that answers an action; most are none, and cost one search."""
        tagged = b"\r\nActionID: " in event.raw
        return tagged and self._answer(event, {"Event": event.name})

    def _answer(self, message: Message, head: dict[str, str]) -> bool:
        """Give an answer, or an item of a list, to the action it belongs to, if that waits."""
        action_id = message.get("ActionID")
        request = self.responses.get(action_id) if action_id else None
        if request is None:
            return False
        answer = Answer(head | {key: message.get(key) for key in ("Message", "EventList", "Value")})
        answer.source = message
        if request.add_message(answer):
            self.forget(request)
        elif len(request.responses) > _LIST_LIMIT:
            self.abandon("a list without end")
        return True

    def forget(self, request: Request) -> None:
        """Stop waiting for an answer."""
        self.responses.pop(request.id, None)

    def abandon(self, reason: str) -> None:
        """Cut the connection now, whatever is still in its buffers."""
        if not self.lost.done():
            self.lost.set_result(reason)
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.abandon(type(exc).__name__ if exc else "closed by Asterisk")

    def close(self) -> None:
        self.closed = True
        for request in list(self.responses.values()):
            if not request.future.done():
                request.future.set_exception(OutcomeUnknown(f"{request['action']}: link lost."))
                request.future.exception()  # whoever waits is told, but nobody has to
        self.responses.clear()
        self.transport.abort()


class Connection:
    """A connection to Asterisk, from `open` to `abandon`.

    Attributes:
        deadline: seconds that any answer may take.
        version: Asterisk's manager version, from its banner.
    """

    def __init__(self, settings: AmiSettings, framer: Framer) -> None:
        self.deadline: Final = settings.deadline_seconds
        self._framer = framer
        self._protocol = _Protocol(framer)
        self._manager = _Manager(
            host=settings.host,
            port=settings.port,
            username=settings.username,
            secret=settings.secret.get_secret_value(),
            loop=asyncio.get_running_loop(),
            protocol_factory=lambda: self._protocol,
            forgetable_actions=_Everything(),
        )

    @property
    def version(self) -> str:
        """What Asterisk's banner said."""
        return self._framer.version

    @property
    def lost(self) -> asyncio.Future[str]:
        """Done when the connection is gone, with the reason."""
        return self._protocol.lost

    async def open(self) -> None:
        """Connect and log in, within the deadline.

        Raises:
            OSError: there is no connection, or no answer in time.
            LinkLost: the connection broke during the login.
            LoginRefused: Asterisk does not accept the account.
        """
        async with asyncio.timeout(self.deadline):
            await self._manager.connect()
            answer = await self._manager.authenticated_future
        if not answer.success:
            raise LoginRefused(f"{answer.message} (account {self._manager.config['username']}).")

    def deliver_to(self, receive: Callable[[list[Event]], None]) -> None:
        """Hand all events to `receive` from now on, first those that came early."""
        early, self._protocol.early = self._protocol.early, []
        self._protocol.receive = receive
        if early:
            receive(early)

    def abandon(self, reason: str) -> None:
        """Cut the connection now; whatever waits for an answer is told that none comes."""
        if not self.lost.done():
            self.lost.set_result(reason)
        self._manager.close()

    async def send(self, headers: Headers) -> Reply:
        """Carry out an action and return what Asterisk says; raises as `ask` does."""
        answer = await self._answer(headers, as_list=False)
        return Reply(str(answer.message), str(answer.value))

    async def ask(self, headers: Headers) -> list[Event]:
        """Ask for a list and return its items.

        Raises:
            ValueRefused: a header cannot be sent; nothing was.
            LinkLost: nothing was sent.
            ActionRefused: Asterisk said no.
            OutcomeUnknown: it was sent and no answer came.
        """
        answers = await self._answer(headers, as_list=None)  # panoramisk tells lists apart
        return [a.source for a in answers if isinstance(getattr(a, "source", None), Event)]

    async def _answer(self, headers: Headers, *, as_list: bool | None) -> Any:  # noqa: ANN401  # panoramisk has no types
        name = headers["Action"]
        if self.lost.done():
            raise LinkLost(f"{name} was not sent.")
        if len(self._protocol.responses) >= _UNANSWERED_LIMIT:
            raise LinkLost(f"{name} was not sent: {_UNANSWERED_LIMIT} others wait.")
        request = Request(headers)
        future = self._manager.send_action(request, as_list=as_list)
        try:
            async with asyncio.timeout(self.deadline):
                answer = await future
        except TimeoutError:
            raise OutcomeUnknown(f"{name}: no answer within {self.deadline:g} s.") from None
        finally:
            self._protocol.forget(request)
        first = answer[0] if isinstance(answer, list) else answer
        if not first.success:
            raise ActionRefused(f"{name}: {first.message}.")
        return answer
