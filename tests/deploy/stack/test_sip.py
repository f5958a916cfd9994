from __future__ import annotations

import asyncio
import itertools
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.stack.sip import Address, Agent, Caller, SippFailed, free_port


class Server:
    """A SIP server of a few lines: answers an INVITE, takes a BYE; or refuses."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.requests: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    @property
    def address(self) -> Address:
        return Address(*self.socket.getsockname())

    def _read(self) -> None:
        data, peer = self.socket.recvfrom(65_536)
        head = data.decode("iso-8859-1").partition("\r\n\r\n")[0].split("\r\n")
        self.requests.append(head[0])
        if head[0].startswith("ACK"):
            return
        status = self.status if head[0].startswith("INVITE") else "200 OK"
        kept = [h for h in head[1:] if h.split(":")[0] in {"Via", "From", "Call-ID", "CSeq"}]
        to = next(h for h in head if h.startswith("To:")).partition(";tag")[0] + ";tag=s"
        lines = [f"SIP/2.0 {status}", *kept, to, "Content-Length: 0", "", ""]
        self.socket.sendto("\r\n".join(lines).encode("iso-8859-1"), peer)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


def test_no_port_is_told_twice_in_a_row_or_taken_from_who_has_it_or_from_the_kernel() -> None:
    kernels = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    first = free_port("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        others = [free_port("127.0.0.1") for _ in range(2_000)]
    assert first not in others
    assert min(abs(a - b) for a, b in itertools.pairwise([first, *others])) >= 4
    assert max(others) < kernels


async def test_a_caller_hangs_up_when_told(tmp_path: Path) -> None:
    server = Server("200 OK")
    async with Caller(sip=server.address, workspace=tmp_path, host="127.0.0.1") as caller:
        await caller.answered()
        caller.hang_up()
        ledger = await caller.ended(5)
    server.close()
    assert [r.split()[0] for r in server.requests] == ["INVITE", "ACK", "BYE"]
    assert ledger.answered
    assert not ledger.hung_up_by_peer


async def test_a_refused_call_ends_by_itself(tmp_path: Path) -> None:
    server = Server("404 Not Found")
    async with Caller(sip=server.address, workspace=tmp_path, host="127.0.0.1") as caller:
        ledger = await caller.ended(5)
    server.close()
    assert ledger.statuses() == (404,)
    assert not ledger.answered


def scenario_of(folder: Path) -> bytes:
    return next(folder.rglob("caller.xml")).read_bytes()


def commands() -> list[bytes]:
    """Give the command lines of all that runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_bytes())
    return found


async def test_bytes_of_a_hostile_caller_go_onto_the_wire_as_they_are(tmp_path: Path) -> None:
    server = Server("404 Not Found")
    caller = Caller(sip=server.address, workspace=tmp_path, host="127.0.0.1", display='"\xd5\xc5" ')
    async with caller:
        await caller.ended(5)
    server.close()
    assert b'From: "\xd5\xc5" <sip:' in scenario_of(tmp_path)


async def test_nothing_runs_any_more_once_the_context_is_left(tmp_path: Path) -> None:
    server = Server("200 OK")
    async with Caller(sip=server.address, workspace=tmp_path, host="127.0.0.1") as caller:
        await caller.answered()
        assert any(str(tmp_path).encode() in line for line in commands())
    server.close()
    with pytest.raises(TimeoutError):
        await caller.sees("SIP/2.0 486", 0.1)
    assert not any(str(tmp_path).encode() in line for line in commands())


async def test_an_agent_who_cannot_sign_on_says_so(tmp_path: Path) -> None:
    server = Server("200 OK")
    with pytest.raises(SippFailed, match="a1001"):
        async with Agent(sip=server.address, workspace=tmp_path):
            pass
    server.close()
