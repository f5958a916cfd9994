"""An agent's desk in a real browser: headless Chromium with a tone for a microphone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from playwright.async_api import Browser, Page, Playwright, expect
from playwright.async_api import Error as PlaywrightError

from agents.auth import Identity
from agents.roles import Role
from agents.service import make_account
from deploy.stack.sip import Caller
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, Hotline

CHROMIUM: Final = "/usr/bin/chromium"
PATIENCE_MS: Final = 20_000
"""An end for waiting, on a machine that does much else."""

_MICROPHONE_RATE: Final = 48_000
_EAR: Final = """
(() => {
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...options) {
      super(...options);
      this.addEventListener('track', (event) => {
        const context = new AudioContext();
        const analyser = context.createAnalyser();
        analyser.fftSize = 8192;
        context.createMediaStreamSource(new MediaStream([event.track])).connect(analyser);
        window.heard = () => {
          const bins = new Float32Array(analyser.frequencyBinCount);
          analyser.getFloatFrequencyData(bins);
          const loudest = bins.indexOf(Math.max(...bins));
          return bins[loudest] < -60 ? 0 : (loudest * context.sampleRate) / analyser.fftSize;
        };
      });
    }
  };
})();
"""
"""The tests' own ear on what the browser receives; the product's is not asked."""


def write_microphone(path: Path, tone: float = AGENT_TONE) -> None:
    """Write the tone that Chromium takes for its microphone's sound."""
    times = np.arange(_MICROPHONE_RATE) / _MICROPHONE_RATE
    wave = 0.4 * np.sin(2 * np.pi * tone * times)
    soundfile.write(path, wave, _MICROPHONE_RATE, subtype="PCM_16")


@asynccontextmanager
async def chromium(playwright: Playwright, microphone: Path) -> AsyncIterator[Browser]:
    """A browser of its own process, so that it can be killed."""
    browser = await playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
            "--autoplay-policy=no-user-gesture-required",
            "--allow-loopback-in-peer-connection",
        ],
    )
    try:
        yield browser
    finally:
        if browser.is_connected():
            await browser.close()


@dataclass
class Desk:
    """One agent before one browser, and what he does there."""

    hotline: Hotline
    page: Page
    person: str
    password: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.hotline.stack.ports.web}/"

    async def sign_in(self) -> None:
        await self.page.goto(self.address)
        await self.page.get_by_label("工号").fill(self.person)
        await self.page.get_by_label("密码").fill(self.password)
        await self.page.get_by_role("button", name="登录").click()

    async def own_line(self) -> None:
        """Have the telephone here, though the window before this one may still be closing."""
        shown = self.page.locator("[data-test=line]")
        await expect(shown).to_have_attribute(
            "data-state", re.compile("ready|busy"), timeout=PATIENCE_MS
        )
        if await shown.get_attribute("data-state") == "busy":
            await self.page.get_by_role("button", name="在此使用").click()
        await self.line("ready")

    async def go_online(self) -> None:
        presence = self.page.locator("[data-test=presence]")
        begin = self.page.locator("[data-test=begin]")
        async with asyncio.timeout(PATIENCE_MS / 1_000):
            # Whoever is waited for is rung at once.
            while await presence.get_attribute("data-state") not in {"available", "ringing"}:
                # A wrap-up ends by itself, and with it what was to be pressed.
                with suppress(PlaywrightError):
                    await begin.click(timeout=1_000)

    async def pause(self) -> None:
        """Take no queue's calls; colleagues may ring."""
        presence = self.page.locator("[data-test=presence]")
        await presence.get_by_role("button").last.click()
        await self.page.get_by_role("menuitem", name="会议").click()
        await expect(presence).to_have_attribute("data-state", "paused", timeout=PATIENCE_MS)

    async def crash(self) -> None:
        """Let the whole browser die at once, without a word to anybody."""
        browser = self.page.context.browser
        assert browser is not None
        died = asyncio.Event()
        browser.once("disconnected", lambda *_: died.set())
        session = await browser.new_browser_cdp_session()
        with suppress(PlaywrightError):
            await session.send("Browser.crash")
        async with asyncio.timeout(PATIENCE_MS / 1000):
            await died.wait()

    async def line(self, state: str) -> None:
        shown = self.page.locator("[data-test=line]")
        await expect(shown).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    async def call(self, phase: str) -> None:
        shown = self.page.locator("[data-test=call]")
        await expect(shown).to_have_attribute("data-phase", phase, timeout=PATIENCE_MS)

    async def idle(self) -> None:
        await expect(self.page.locator("[data-test=call]")).to_have_count(0, timeout=PATIENCE_MS)

    async def hears(self, tone: float, within: float = 30.0) -> None:
        """Wait until the loudest tone that the browser receives is this one."""
        async with asyncio.timeout(within):
            while abs(await self.page.evaluate("window.heard ? window.heard() : 0") - tone) > 15:  # noqa: ASYNC110 - the judgement is on a window of sound
                await asyncio.sleep(0.1)


async def talking(desk: Desk, caller: Caller) -> None:
    """Bring a caller and the agent at the desk together."""
    await caller.answered()
    await caller.rtp.wait_for(MAIN, within=30)
    caller.press("0")
    await desk.call("ringing")
    await desk.page.keyboard.press("F2")
    await desk.call("talking")
    await caller.rtp.wait_for(AGENT_TONE, within=30)
    await desk.hears(CALLER_TONE)


_passwords: dict[str, str] = {}


@asynccontextmanager
async def open_desk(hotline: Hotline, browser: Browser, person: str) -> AsyncIterator[Desk]:
    """Give a person a browser window of his own, with plain sound; he signs out in the end."""
    made = await make_account(
        hotline.stack.settings, Identity(person, Role.AGENT, f"咨询员{person}")
    )
    password = _passwords.setdefault(person, made or "")
    context = await browser.new_context(
        viewport={"width": 1366, "height": 768},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        # A colour that fades into another is between the two when axe looks.
        reduced_motion="reduce",
    )
    # A browser's noise suppression takes a steady tone for noise.
    await context.add_init_script(
        f"localStorage.setItem('sound', '{{\"processing\": false}}'); {_EAR}"
    )
    desk = Desk(hotline, await context.new_page(), person, password)
    try:
        yield desk
    finally:
        if browser.is_connected():
            origin = desk.address.rstrip("/")
            await context.request.delete(f"{origin}/api/v1/session", headers={"Origin": origin})
            await context.close()
