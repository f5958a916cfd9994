"""`deploy/up`: the whole hotline on one machine, from nothing to a finished record."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack.demonstration import demonstrate
from deploy.stack.layout import Layout
from deploy.stack.record import JsonObject, is_complete, readable
from deploy.stack.screen import Screen
from deploy.stack.stack import COMPONENTS, Stack
from ivr.log import configure_logging

_LABELS: Final = {
    "postgres": "启动 PostgreSQL · starting PostgreSQL",
    "valkey": "启动 Valkey · starting Valkey",
    "migrate": "数据库迁移 · migrating the database",
    "prompts": "合成语音提示 · speaking the prompts",
    "desktop": "构建座席桌面 · building the desktop",
    "asterisk": "启动 Asterisk · starting Asterisk",
    "ivr": "启动 ivr · starting ivr",
    "ledger": "启动话单 · starting the ledger",
    "agents": "启动座席侧 · starting the people's side",
}
_RATED_AFTER: Final = 3
"""Seconds; the first talk is short, and shall be rated like any other."""
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person at the terminal asked for."""

    once: bool
    json: bool
    call: bool
    directory: Path


async def bring_up(wish: Wish) -> int:
    """Start everything, ring a call through, stay until told to end; give the exit code.

    Raises:
        HotlineError: when a part cannot be started or the call did not end in a record.
    """
    screen = Screen()
    ending = _Ending()
    record: JsonObject | None = None
    layout = Layout(wish.directory.absolute())
    layout.make()
    with (layout.logs / "stack.log").open("a", encoding="utf-8", buffering=1) as log:
        configure_logging(stream=log)
        try:
            async with Stack(layout.directory, rated_after_seconds=_RATED_AFTER) as stack:
                await _start(stack, screen)
                if wish.call:
                    record = await demonstrate(stack, screen)
                    if not wish.once:
                        _show(record, wish)
                if not wish.once:
                    for line in await _first_people(stack):
                        screen.say(line)
                    screen.say(f"\n座席桌面 · desktop: {await _way_in(stack)}")
                    screen.say("按 Ctrl-C 结束 · Ctrl-C ends everything")
                    ending.awaited = True
                    await asyncio.Event().wait()
        except asyncio.CancelledError:
            screen.say("\n已全部停止 · everything is stopped")
            return 0 if ending.awaited else 128 + ending.signal
    if record is not None:
        _show(record, wish)
        return 0 if is_complete(record) else 1
    return 0


class _Ending:
    """Turns the signals that end a program into the cancellation of the running task."""

    def __init__(self) -> None:
        self.awaited = False
        self.signal = 0
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in _ENDINGS:
            loop.add_signal_handler(number, self._end, number)

    def _end(self, number: signal.Signals) -> None:
        # Once: whoever presses Ctrl-C again must not cut the orderly stop short.
        if not self.signal and self._task:
            self.signal = number
            self._task.cancel()


async def _start(stack: Stack, screen: Screen) -> None:
    for name in COMPONENTS:
        with screen.step(_LABELS[name]) as stack.tell:
            await stack.start(name)


async def _first_people(stack: Stack) -> list[str]:
    """Make a first agent, supervisor and editor; their passwords are told here and never again."""
    if stack.memory.number("first people") is not None:
        return []
    agents = stack.settings.telephony.browsers or stack.settings.telephony.agents
    wanted = [(agents[0], "agent", "咨询员")] if agents else []
    wanted += [("s1001", "supervisor", "班长"), ("e1001", "editor", "知识库编辑")]
    lines = []
    for person, role, name in wanted:
        code, said = await stack.ask("agents", "account", person, "--role", role, "--name", name)
        if code == 0:
            lines.append(f"  {name} · {role:<10} {person:<8} {said.strip()}")
    stack.memory.keep("first people", len(lines))
    head = "\n工号与密码，只显示这一次 · accounts and passwords, shown this once:"
    return [head, *lines] if lines else []


async def _way_in(stack: Stack) -> str:
    """Have a link made that lets one administrator in, once; there is no password to leak."""
    code, said = await stack.ask("agents", "link")
    if code != 0:
        return "python -m agents link"
    return f"{said.strip()}\n（一次有效 · valid once; python -m agents link 再取 · makes another）"


def _show(record: JsonObject, wish: Wish) -> None:
    print(json.dumps(record, ensure_ascii=False) if wish.json else readable(record), flush=True)
