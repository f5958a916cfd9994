"""The public network of the tests: several telephones behind the one address that a trunk has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from deploy.stack.sip import Address

Place = tuple[str, int]

_CALL_ID: Final = re.compile(rb"^Call-ID: *(\S+)", re.MULTILINE | re.IGNORECASE)
_INVITED: Final = re.compile(rb"INVITE sip:([0-9]+)@")


class Switchboard(asyncio.DatagramProtocol):
    """Leads a call to the telephone of the number that was dialled.

    It passes on what is said until the call stands, both ways; from the ACK on the two speak with
    each other directly. Nobody answers under a number that has no telephone.

    Attributes:
        transport: its socket.
    """

    transport: asyncio.DatagramTransport

    def __init__(self, asterisk: Address) -> None:
        self._asterisk = (asterisk.host, asterisk.port)
        self._phones: dict[bytes, Place] = {}
        self._calls: dict[bytes, Place] = {}

    def connect(self, number: str, phone: Place) -> None:
        """Give a telephone its number."""
        self._phones[number.encode()] = phone

    def datagram_received(self, data: bytes, addr: Place) -> None:
        """Pass a message on."""
        call = _CALL_ID.search(data)
        if call is None:
            return
        if addr != self._asterisk:
            self.transport.sendto(data, self._asterisk)
            return
        invited = _INVITED.match(data)
        if invited and invited[1] in self._phones:
            self._calls.setdefault(call[1], self._phones[invited[1]])
        if phone := self._calls.get(call[1]):
            self.transport.sendto(data, phone)


@asynccontextmanager
async def switchboard(at: Place, asterisk: Address) -> AsyncIterator[Switchboard]:
    """Stand at the trunk's address."""
    loop = asyncio.get_running_loop()
    transport, board = await loop.create_datagram_endpoint(
        lambda: Switchboard(asterisk), local_addr=at
    )
    board.transport = transport
    try:
        yield board
    finally:
        transport.close()
