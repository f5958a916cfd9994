from __future__ import annotations

import signal
import socket
import subprocess
import sys

from deploy.stack.ports import PortBlock


def test_two_copies_never_share_a_block() -> None:
    with PortBlock() as one, PortBlock(one.ports.block) as other:
        assert one.ports.block != other.ports.block
        first, last = one.ports.rtp
        assert not set(range(first, last + 1)) & set(
            range(other.ports.rtp[0], other.ports.rtp[1] + 1)
        )
        assert not set(one.ports.services()) & set(range(first, last + 1))


def test_a_copy_that_comes_back_gets_its_block_again() -> None:
    with PortBlock() as first:
        block = first.ports.block
    with PortBlock(block) as again:
        assert again.ports.block == block


def test_a_block_in_which_a_foreign_program_listens_is_left_alone() -> None:
    with PortBlock() as found:
        block = found.ports.block
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", block + 1))
        foreign.listen()
        with PortBlock(block) as other:
            assert other.ports.block != block


def test_a_block_is_free_again_when_its_holder_was_killed() -> None:
    code = (
        "import time; from deploy.stack.ports import PortBlock; b = PortBlock();"
        "print(b.ports.block, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout
        block = int(holder.stdout.readline())
        with PortBlock(block) as other:
            assert other.ports.block != block
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    with PortBlock(block) as again:
        assert again.ports.block == block
